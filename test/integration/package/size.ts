/** What a package may weigh. */
export const MOST_BYTES = 45_000_000
