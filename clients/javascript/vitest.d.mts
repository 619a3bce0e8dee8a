import type { TestAPI } from 'vitest'
import type { Kew, Options } from './index.js'

/** A fixture of vitest. */
export type KewFixture = (context: any, use: (kew: Kew) => Promise<void>) => Promise<void>

/** A namespace for the test, to which the environment leads clients of SQS: `base.extend({ kew })`. */
export declare const kew: KewFixture
/** The same, whose namespaces have from their start what `options` says. */
export declare function kewWith(options?: Options): KewFixture
/** `test` with the fixture `kew`. */
export declare const test: TestAPI<{ kew: Kew }>
/** The same, whose namespaces have from their start what `options` says. */
export declare function testWith(options?: Options): TestAPI<{ kew: Kew }>
