import { ARGUMENT, type Field, GROUPS, type Group, NAME, PATH } from '../fields/fields.ts'
import { shapeOf } from '../fields/shape.ts'
import { createKeys, type Key, type Place } from './keys.ts'
import { createOutlineMemo } from './outline-memo.ts'
import { presenceBits } from './presence.ts'
import type { Profile } from './profile.ts'
import { type SequenceBits, sequenceBits } from './sequences.ts'

/** How strange a field is: its sequence of symbols, which of them occur (`presence`), and how many `symbols` it has. */
export type FieldBits = { sequence: SequenceBits; presence: number; symbols: number }

/** A key, and what was measured lately of its values, and a while ago. */
export type Known = { key: Key; values: Map<string, FieldBits>; older: ReadonlyMap<string, FieldBits> | undefined }

/** Measures fields: first the key of one is looked up, then its value measured by it. `isRemembered` says whether values are, or only their outlines. */
export type FieldMeter = {
  lookUp(field: Field, place: Place): Known
  measure(field: Field, known: Known, isRemembered: boolean): FieldBits
}

/** Longer values are hardly ever sent again as they were. */
const LONGEST = 400
/** Keys and values of one generation; two are kept, of 3 MB at most each. */
const GENERATION = 4000

/** By group and place, and key. */
type Generation = Map<number, Map<string, Known>>

/** Makes what measures fields. What was measured lately is remembered: most headers and cookies of a request (90 % of the fields of browsers, which saves a
 *  quarter of the time to score a request), and of other values the outlines, of which lists of records have few. */
export function createFieldMeter(profile: Profile): FieldMeter {
  const keyAt = createKeys(profile)
  const outlines = createOutlineMemo<FieldBits>()
  let young: Generation = new Map()
  let old: Generation = new Map()
  let size = 0

  return {
    lookUp(field, place) {
      const scope = scopeOf(field.group, place)
      if (size >= GENERATION) startGeneration()
      return young.get(scope)?.get(field.key) ?? takeUp(scope, field, place)
    },
    measure(field, { key, values, older }, isRemembered) {
      const { value } = field
      if (!isRemembered || value.length > LONGEST) return measure(field, key)
      let bits = values.get(value)
      if (bits !== undefined) return bits
      bits = older?.get(value) ?? measure(field, key)
      values.set(copyOf(value), bits)
      size++
      return bits
    },
  }

  function startGeneration(): void {
    for (const keys of young.values()) for (const known of keys.values()) known.older = undefined
    old = young
    young = new Map()
    size = 0
  }

  function takeUp(scope: number, field: Field, place: Place): Known {
    const before = old.get(scope)?.get(field.key)
    const made: Known = { key: before?.key ?? keyAt(field, place), values: new Map(), older: before?.values }
    const name = copyOf(field.key)
    const keys = young.get(scope)
    if (keys === undefined) young.set(scope, new Map([[name, made]]))
    else keys.set(name, made)
    size++
    return made
  }

  function measure({ group, value }: Field, key: Key): FieldBits {
    const shape = shapeOf(value)
    const known = outlines.get(shape, group, key)
    if (known !== undefined) return known
    // Cookies and headers have no level of their own at a path: the host's counts twice.
    const isPlaced = group === ARGUMENT || group === PATH
    const upper = isPlaced ? profile.atTemplate : profile.atHost
    const presence =
      group === NAME ? 0 : presenceBits(profile, group, { ids: key, upper, upperId: isPlaced ? key.atTemplate : key.atHost }, shape)
    const bits = { sequence: sequenceBits(profile, group, key, shape), presence, symbols: shape.length }
    outlines.set(shape, group, key, bits)
    return bits
  }
}

/** A number for the place at which a key of a group is known. */
function scopeOf(group: Group, { host, template }: Place): number {
  const isPlaced = template >= 0 && (group === ARGUMENT || group === PATH)
  return (isPlaced ? template * 2 + 1 : (host + 1) * 2) * GROUPS.length + group
}

/** Makes a text of its own: a piece of a text keeps the whole text in memory. */
function copyOf(text: string): string {
  const copy = Buffer.from(text, 'latin1').toString('latin1')
  return copy === text ? copy : text
}
