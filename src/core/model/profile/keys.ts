import { ARGUMENT, type Field, GROUPS, type Group, PATH } from '../fields/fields.ts'
import { createHash53 } from './hash.ts'
import { type KeyTable, type Profile, PURPOSE, pairKey } from './profile.ts'

/** Host and path of a request, by id (-1 for unknown), and how many requests each of them had. */
export type Place = { host: number; template: number; hostRequests: number; templateRequests: number }

/** The ids of a key, -1 for unknown. */
export type KeyIds = { anywhere: number; atHost: number; atTemplate: number }

/** What is known of a key at a place: its ids, how strange it is that a request there has it at all (`newName`, in bits, of arguments only), and the
 *  longest value that was seen (in steps of longest.ts). */
export type Key = KeyIds & { newName: number; longest: number }

/** What a name that was never seen counts as having been seen. */
const NEVER = 0.02

/** Makes the function that looks a field's key up. */
export function createKeys(profile: Profile): (field: Field, place: Place) => Key {
  const hash = createHash53(profile.salt)

  return ({ group, key }, place) => {
    const { host, template } = place
    const anywhere = profile.names.get(hash(key, PURPOSE.name + group)) ?? -1
    const atHost = anywhere < 0 || host < 0 ? -1 : (profile.namesAtHost.get(pairKey(host, anywhere)) ?? -1)
    const isPlaced = atHost >= 0 && template >= 0 && (group === ARGUMENT || group === PATH)
    const ids = { anywhere, atHost, atTemplate: isPlaced ? (profile.namesAtTemplate.get(pairKey(template, anywhere)) ?? -1) : -1 }
    return { ...ids, newName: group === ARGUMENT ? newNameBits(ids, place) : 0, longest: longestOf(group, ids, place) }
  }

  function newNameBits(ids: KeyIds, { hostRequests, templateRequests }: Place): number {
    const seen = ({ requests }: KeyTable, id: number) => (id < 0 ? 0 : requests[id]!)
    let chance = (seen(profile.anywhere, ids.anywhere) + NEVER) / (profile.requests + 1)
    chance = (seen(profile.atHost, ids.atHost) + chance) / (hostRequests + 1)
    chance = (seen(profile.atTemplate, ids.atTemplate) + chance) / (templateRequests + 1)
    return -Math.log2(Math.min(chance, 1))
  }

  /** Of a path at its template, else at the host, else anywhere. */
  function longestOf(group: Group, { anywhere, atHost, atTemplate }: KeyIds, { host }: Place): number {
    const known = group === PATH ? (profile.atTemplate.longest[atTemplate] ?? 0) : (profile.atHost.longest[atHost] ?? 0)
    return (
      known ||
      (profile.host.longest[host * GROUPS.length + group] ?? 0) ||
      (profile.anywhere.longest[anywhere] ?? 0) ||
      profile.groupLongest[group]!
    )
  }
}
