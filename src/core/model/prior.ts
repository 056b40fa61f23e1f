/** A small ensemble of trees that learned from grafted attacks which features tell of one, whatever the site. Each tree has seven questions (level by
 *  level: 1, 2, 4) and eight leaves; a value above the threshold goes right. The sum of the leaves is log odds. */
export type Prior = { features: Uint8Array; thresholds: Float64Array; leaves: Float64Array }

export const PRIOR_DEPTH = 3
export const PRIOR_QUESTIONS = 2 ** PRIOR_DEPTH - 1
export const PRIOR_LEAVES = 2 ** PRIOR_DEPTH

/** Gives the log odds of a row of features being an attack. */
export function priorScore({ features, thresholds, leaves }: Prior, row: Float64Array): number {
  let sum = 0
  for (let question = 0, leaf = 0; leaf < leaves.length; question += PRIOR_QUESTIONS, leaf += PRIOR_LEAVES) {
    let node = 0
    for (let level = 0; level < PRIOR_DEPTH; level++)
      node = 2 * node + (row[features[question + node]!]! > thresholds[question + node]! ? 2 : 1)
    sum += leaves[leaf + node - PRIOR_QUESTIONS]!
  }
  return sum
}
