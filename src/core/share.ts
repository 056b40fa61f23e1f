/** Writes a share as a percentage with at most so many digits that tell: `30 %`, `0.046 %`, `0 %`. */
export function formatShare(share: number, digits = 3): string {
  return `${Number((share * 100).toPrecision(digits))} %`
}

/** Writes a whole number with a comma between its thousands. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}
