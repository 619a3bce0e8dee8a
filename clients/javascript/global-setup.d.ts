/** Starts one kew for all workers: `globalSetup: 'kew-sqs/global-setup'` in the configuration of vitest or jest. */
declare function globalSetup(): Promise<() => Promise<void>>
export = globalSetup
