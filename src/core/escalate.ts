import { LONGEST } from './duration.ts'
import type { Settings } from './settings.ts'
import type { Millis } from './types.ts'

export type Escalation = Pick<Settings, 'blockTime' | 'blockTimeFactor' | 'blockTimeMax'>

/** Says how long the `step`-th block of an address within the memory lasts (1: the first): block_time, and block_time_factor times as long at each further
 *  step, at most block_time_max, but never shorter than block_time itself. More than 100 years
 *  never end. */
export function blockLength(step: number, { blockTime, blockTimeFactor, blockTimeMax }: Escalation): Millis {
  const length = Math.max(blockTime, Math.min(blockTimeMax, Math.round(blockTime * blockTimeFactor ** (step - 1))))
  return length > LONGEST ? Number.POSITIVE_INFINITY : length
}
