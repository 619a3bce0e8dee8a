/** The path of the `kew` binary for this platform; throws if there is none. */
export declare function binary(): string
/** The version of kew. */
export declare const version: string
