/** Writes a share as a percentage with at most three digits that tell: `30 %`, `0.046 %`, `0 %`. */
export function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`
}
