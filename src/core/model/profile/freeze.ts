import { GROUPS } from '../fields/fields.ts'
import { SYMBOLS } from '../fields/shape.ts'
import { type Counter, LANES } from './counter.ts'
import type { ProfileCounts } from './counts.ts'
import { groupSequences } from './group-sequences.ts'
import { CONTEXTS, type Counted, type KeyTable, PAIR, type Profile, type SequenceTable } from './profile.ts'

/** A path's requests have a name always when at least this share of at least so many has it. */
const ALWAYS = 0.95
const ENOUGH = 8

/** Makes profiles from counts: the whole one, and the ones without a fold. The counts are used up by that. */
export function createFreezer(source: ProfileCounts) {
  source.close()
  const sort = (counter: Counter) => counter.sorted()
  const { counts, ids, longest } = source
  const all = {
    requests: sort(counts.requests),
    hosts: sort(counts.hosts),
    hostsWithHeaders: sort(counts.hostsWithHeaders),
    templates: sort(counts.templates),
    presence: counts.presence.map(sort),
    named: counts.named.map(sort),
    group: sort(counts.group),
    sequences: counts.sequences.map(sort),
    headerSets: sort(counts.headerSets),
    headerSetsAtHost: sort(counts.headerSetsAtHost),
    methods: sort(counts.methods),
    methodsAtHost: sort(counts.methodsAtHost),
    methodsAtTemplate: sort(counts.methodsAtTemplate),
  }

  /** Makes the profile of all requests, or of all but those of a fold. */
  return (withoutFold?: number): Profile => {
    const view = (lanes: { keys: Float64Array; lanes: Int32Array }) => viewOf(lanes, withoutFold)
    const requests = dense(view(all.requests), 2)
    const groupCounts = view(all.group)
    const presence = all.presence.map(view)
    const groups = groupPresence(presence[0]!)
    const templateRequests = dense(view(all.templates), ids.templates.size)
    const named = all.named.map(view)
    const tables = [ids.names, ids.namesAtHost, ids.namesAtTemplate].map((map, level) => ({
      ...keyTable(presence[level + 1]!, named[level]!, map.size),
      longest: longest.names[level as 0 | 1 | 2].view(map.size, withoutFold),
    }))
    return {
      salt: source.salt,
      requests: requests[0]!,
      withHeaders: requests[1]!,
      ...ids,
      host: {
        requests: dense(view(all.hosts), ids.hosts.size),
        withHeaders: dense(view(all.hostsWithHeaders), ids.hosts.size),
        longest: longest.host.view(ids.hosts.size * GROUPS.length, withoutFold),
      },
      templateRequests,
      mandatory: mandatoryNames(ids.namesAtTemplate, tables[2]!.requests, templateRequests),
      anywhere: tables[0]!,
      atHost: tables[1]!,
      atTemplate: tables[2]!,
      anywhereSequences: sequenceTable(view(all.sequences[0]!), ids.names.size),
      atHostSequences: sequenceTable(view(all.sequences[1]!), ids.namesAtHost.size),
      groupFields: groups.fields,
      groupPresence: groups.presence,
      groupLongest: longest.group.view(GROUPS.length, withoutFold),
      groupCounts,
      groupSequences: groupSequences(groupCounts),
      headerSetRequests: dense(view(all.headerSets), ids.headerSets.size),
      headerSetsAtHost: toMap(view(all.headerSetsAtHost)),
      methodRequests: dense(view(all.methods), ids.methods.size),
      methodsAtHost: toMap(view(all.methodsAtHost)),
      methodsAtTemplate: toMap(view(all.methodsAtTemplate)),
    }
  }
}

function viewOf({ keys, lanes }: { keys: Float64Array; lanes: Int32Array }, withoutFold: number | undefined): Counted {
  const count = (index: number) => lanes[index * LANES]! - (withoutFold === undefined ? 0 : lanes[index * LANES + 1 + withoutFold]!)
  let kept = 0
  for (let index = 0; index < keys.length; index++) if (count(index) > 0) kept++
  const view = { keys: new Float64Array(kept), counts: new Uint32Array(kept) }
  let to = 0
  for (let index = 0; index < keys.length; index++) {
    const found = count(index)
    if (found <= 0) continue
    view.keys[to] = keys[index]!
    view.counts[to++] = found
  }
  return view
}

function dense({ keys, counts }: Counted, size: number): Uint32Array {
  const values = new Uint32Array(size)
  keys.forEach((key, index) => {
    values[key] = counts[index]!
  })
  return values
}

function toMap({ keys, counts }: Counted): Map<number, number> {
  const map = new Map<number, number>()
  keys.forEach((key, index) => void map.set(key, counts[index]!))
  return map
}

function groupPresence({ keys, counts }: Counted): { fields: Float64Array; presence: Float64Array } {
  const fields = new Float64Array(GROUPS.length)
  const presence = new Float64Array(GROUPS.length * SYMBOLS)
  keys.forEach((key, index) => {
    const group = Math.floor(key / 40)
    if (key % 40 === 39) fields[group] = counts[index]!
    else presence[group * SYMBOLS + (key % 40)] = counts[index]!
  })
  return { fields, presence }
}

/** Lays the presence counts of keys out as lists; `named`: requests that had the key. */
function keyTable(presence: Counted, named: Counted, size: number): Omit<KeyTable, 'longest'> {
  const { keys, counts } = presence
  const fields = new Uint32Array(size)
  const start = new Uint32Array(size + 1)
  const symbols = new Uint8Array(keys.length)
  const ofSymbols = new Uint32Array(keys.length)
  let found = 0
  let previous = -1
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!
    const id = Math.floor(key / 40)
    for (; previous < id; previous++) start[previous + 1] = found
    if (key % 40 === 39) fields[id] = counts[index]!
    else {
      symbols[found] = key % 40
      ofSymbols[found++] = counts[index]!
    }
  }
  for (; previous < size; previous++) start[previous + 1] = found
  return {
    requests: dense(named, size),
    fields,
    presenceStart: start,
    presenceSymbol: symbols.slice(0, found),
    presenceCount: ofSymbols.slice(0, found),
  }
}

/** Lays sequence counts (by id * 39^3 + context * 39 + symbol) out as lists. */
function sequenceTable({ keys, counts }: Counted, size: number): SequenceTable {
  const contexts = countContexts(keys)
  const contextStart = new Uint32Array(size + 1)
  const context = new Uint16Array(contexts)
  const nextStart = new Uint32Array(contexts + 1)
  const total = new Uint32Array(contexts)
  const nextSymbol = new Uint8Array(keys.length)
  let found = 0
  let previousId = -1
  let previousPlace = -1
  for (let index = 0; index < keys.length; index++) {
    const place = Math.floor(keys[index]! / SYMBOLS)
    const id = Math.floor(place / CONTEXTS)
    if (place !== previousPlace) {
      for (; previousId < id; previousId++) contextStart[previousId + 1] = found
      context[found] = place % CONTEXTS
      nextStart[found++] = index
      previousPlace = place
    }
    nextSymbol[index] = keys[index]! % SYMBOLS
    total[found - 1]! += counts[index]!
  }
  for (; previousId < size; previousId++) contextStart[previousId + 1] = found
  nextStart[found] = keys.length
  return { contextStart, context, nextStart, nextSymbol, nextCount: counts, total }
}

function countContexts(keys: Float64Array): number {
  let contexts = 0
  let previous = -1
  for (let index = 0; index < keys.length; index++) {
    const place = Math.floor(keys[index]! / SYMBOLS)
    if (place !== previous) contexts++
    previous = place
  }
  return contexts
}

/** Finds the names that the requests of a path always have; `requests`: how many of them had each name at its path. */
export function mandatoryNames(
  namesAtTemplate: ReadonlyMap<number, number>,
  requests: Uint32Array,
  templateRequests: Uint32Array,
): ReadonlyMap<number, readonly number[]> {
  const mandatory = new Map<number, number[]>()
  for (const [pair, id] of namesAtTemplate) {
    const template = Math.floor(pair / PAIR)
    const all = templateRequests[template]!
    if (all < ENOUGH || requests[id]! / all < ALWAYS) continue
    const names = mandatory.get(template)
    if (names === undefined) mandatory.set(template, [id])
    else names.push(id)
  }
  return mandatory
}
