import type { Millis } from '../types.ts'
import type { Detector } from './detector.ts'

/** What training makes and a model file holds: numbers about its training data, never a piece of it. */
export type TrainedModel = {
  version: string
  trainedAt: Millis
  /** How many requests it was trained on, and the seed that repeats the training. */
  trainedOn: number
  seed: number
  /** What training says of itself, for people. */
  summary: Record<string, unknown>
  /** 1 for each host (by id) that was recorded at two times at least, or of which no times are known. */
  seenAgain: Uint8Array
  /** 1 for each host (by id) of whose requests one had a phrase that hardly anything but an attack has (the feature k_sure). */
  hasPhrases: Uint8Array
  detector: Detector
}
