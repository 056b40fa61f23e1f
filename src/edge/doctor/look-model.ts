import type { ModelFacts } from '../../core/doctor/facts.ts'
import { loadModelParts } from '../model-file.ts'

/** Looks which model scores. */
export function lookAtModel({ folder }: { folder: string }): ModelFacts {
  const parts = loadModelParts(folder)
  if (!parts.ok) return { problem: parts.problem, version: '', isBase: false, trainedAt: 0 }
  const { base, local } = parts.value
  const { version, trainedAt } = local ?? base
  return { problem: undefined, version, isBase: local === undefined, trainedAt }
}
