import { testWith } from 'kew-sqs/vitest'

testWith({ queues: ['orders'], clock: 'frozen', seed: 99 })('fails', async ({ kew }) => {
  await kew.until('orders', { visible: 1, timeout: '10ms' })
})
