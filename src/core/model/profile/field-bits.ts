import { ARGUMENT, type Field, GROUPS, NAME, PATH } from '../fields/fields.ts'
import { shapeOf } from '../fields/shape.ts'
import { createHash53 } from './hash.ts'
import { presenceBits } from './presence.ts'
import { type Profile, PURPOSE, pairKey } from './profile.ts'
import { type SequenceBits, sequenceBits } from './sequences.ts'

/** Host and path of a request, by id; -1 for unknown. */
export type Place = { host: number; template: number }

/** The ids of a key, -1 for unknown. */
export type KeyIds = { anywhere: number; atHost: number; atTemplate: number }

/** How strange a field is: its sequence of symbols, which of them occur (`presence`), and how many `symbols` it has. */
export type FieldBits = { ids: KeyIds; sequence: SequenceBits; presence: number; symbols: number }

/** Longer values are hardly ever sent again as they were. */
const LONGEST = 400
/** Keys and values of one generation; two are kept, of 3 MB at most each. */
const GENERATION = 4000

type Known = { ids: KeyIds; values: Map<string, FieldBits> }
/** By group and place, and key. */
type Generation = Map<number, Map<string, Known>>

/** Makes the function that measures a field. What was measured lately is remembered: most headers and cookies of a request (90 % of the fields of browsers,
 *  which saves a quarter of the time to score a request); `isRemembered` says whether values are, or only their keys. */
export function createFieldBits(profile: Profile): (field: Field, place: Place, isRemembered: boolean) => FieldBits {
  const hash = createHash53(profile.salt)
  let young: Generation = new Map()
  let old: Generation = new Map()
  let size = 0

  return (field, place, isRemembered) => {
    const { group, key, value } = field
    const isPlaced = place.template >= 0 && (group === ARGUMENT || group === PATH)
    const scope = (isPlaced ? place.template * 2 + 1 : (place.host + 1) * 2) * GROUPS.length + group
    if (size >= GENERATION) {
      old = young
      young = new Map()
      size = 0
    }
    const known = young.get(scope)?.get(key) ?? takeUp(scope, field, place)
    if (!isRemembered || value.length > LONGEST) return measure(field, known.ids)
    let bits = known.values.get(value)
    if (bits !== undefined) return bits
    bits = old.get(scope)?.get(key)?.values.get(value) ?? measure(field, known.ids)
    known.values.set(copyOf(value), bits)
    size++
    return bits
  }

  function takeUp(scope: number, field: Field, place: Place): Known {
    const key = copyOf(field.key)
    const made = { ids: old.get(scope)?.get(key)?.ids ?? idsOf(field, place), values: new Map<string, FieldBits>() }
    const keys = young.get(scope)
    if (keys === undefined) young.set(scope, new Map([[key, made]]))
    else keys.set(key, made)
    size++
    return made
  }

  function idsOf({ group, key }: Field, { host, template }: Place): KeyIds {
    const anywhere = profile.names.get(hash(key, PURPOSE.name + group)) ?? -1
    const atHost = anywhere < 0 || host < 0 ? -1 : (profile.namesAtHost.get(pairKey(host, anywhere)) ?? -1)
    const isPlaced = atHost >= 0 && template >= 0 && (group === ARGUMENT || group === PATH)
    return { anywhere, atHost, atTemplate: isPlaced ? (profile.namesAtTemplate.get(pairKey(template, anywhere)) ?? -1) : -1 }
  }

  function measure({ group, value }: Field, ids: KeyIds): FieldBits {
    const shape = shapeOf(value)
    // Cookies and headers have no level of their own at a path: the host's counts twice.
    const isPlaced = group === ARGUMENT || group === PATH
    const upper = isPlaced ? profile.atTemplate : profile.atHost
    const presence =
      group === NAME ? 0 : presenceBits(profile, group, { ids, upper, upperId: isPlaced ? ids.atTemplate : ids.atHost }, shape)
    return { ids, sequence: sequenceBits(profile, group, ids, shape), presence, symbols: shape.length }
  }
}

/** Makes a text of its own: a piece of a text keeps the whole text in memory. */
function copyOf(text: string): string {
  const copy = Buffer.from(text, 'latin1').toString('latin1')
  return copy === text ? copy : text
}
