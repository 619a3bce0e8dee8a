import type { Kew, Options } from './index'

/** A test that is given a namespace, to which the environment leads clients of SQS. */
export type KewTest = (name: string, run: (fixtures: { kew: Kew }) => unknown, timeout?: number) => void

/** `test` of jest with `kew`. */
export declare const test: KewTest & { only: KewTest; skip: KewTest; failing: KewTest }
/** The same, whose namespaces have from their start what `options` says. */
export declare function testWith(options?: Options): typeof test
