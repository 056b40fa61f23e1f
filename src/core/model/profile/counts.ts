import { ARGUMENT, type Field, type Fields, GROUPS, NAME, PATH } from '../fields/fields.ts'
import { type Shape, SYMBOLS, shapeOf } from '../fields/shape.ts'
import { type Counter, createCounter } from './counter.ts'
import { createHash53, mixHash, type Salt } from './hash.ts'
import { createLongest } from './longest.ts'
import { CONTEXTS, PURPOSE, pairKey } from './profile.ts'
import { createSeenValues } from './seen-values.ts'

/** How much a profile may hold, so that hostile or endless requests cannot make it grow. */
export type Limits = {
  hosts: number
  templatesPerHost: number
  templates: number
  namesPerTemplate: number
  /** Names at templates, in all. */
  namesAtTemplates: number
  names: number
  valuesPerName: number
  values: number
  /** Sets of headers at hosts, methods at hosts, methods at templates. */
  pairs: number
  /** Distinct sequences of signs of all names, and of all names at hosts. */
  sequences: number
}
export const LIMITS: Limits = {
  hosts: 1000,
  templatesPerHost: 2000,
  templates: 200_000,
  namesPerTemplate: 300,
  namesAtTemplates: 200_000,
  names: 50_000,
  valuesPerName: 20_000,
  values: 1_000_000,
  pairs: 500_000,
  // As many as fit into a quarter of a GB.
  sequences: 5_500_000,
}

/** What the limits left out, by kind: how many times a thing was not taken up. */
export type LeftOut = { hosts: number; templates: number; names: number; values: number; pairs: number }

export type ProfileCounts = ReturnType<typeof createProfileCounts>

/** `isKept` says whether a name is taken up, by the hash of its key and group (PURPOSE.name + group); `isHostKept` whether a host is. */
export type CountOptions = { limits?: Limits; isKept?: (nameHash: number) => boolean; isHostKept?: (hostHash: number) => boolean }

/** Counts what a profile is made of, in all and by fold, so that the profile without a fold can be made as well as the whole one. */
export function createProfileCounts(salt: Salt, { limits = LIMITS, isKept = () => true, isHostKept = () => true }: CountOptions = {}) {
  const hash = createHash53(salt)
  const ids = {
    hosts: new Map<number, number>(),
    templates: new Map<number, number>(),
    names: new Map<number, number>(),
    namesAtHost: new Map<number, number>(),
    namesAtTemplate: new Map<number, number>(),
    headerSets: new Map<number, number>(),
    methods: new Map<number, number>(),
  }
  const counts = {
    /** Key 0: requests, 1: those with headers. */
    requests: createCounter(),
    hosts: createCounter(),
    hostsWithHeaders: createCounter(),
    templates: createCounter(),
    /** By id * 40 + symbol, or + 39 for the fields. Groups, names anywhere, at a host, at a template. */
    presence: [createCounter(), createCounter(), createCounter(), createCounter()] as const,
    /** Requests that have a name: anywhere, at a host, at a template. */
    named: [createCounter(), createCounter(), createCounter()] as const,
    /** By ((group * 39 + a) * 39 + b) * 39 + d) * 39 + s. */
    group: createCounter(),
    /** By id * 39^3 + (b * 39 + d) * 39 + s: names anywhere, at a host. */
    sequences: [createCounter(), createCounter()] as const,
    headerSets: createCounter(),
    headerSetsAtHost: createCounter(limits.pairs),
    methods: createCounter(),
    methodsAtHost: createCounter(limits.pairs),
    methodsAtTemplate: createCounter(limits.pairs),
  }
  /** Groups, groups at a host (host * 5 + group), names anywhere, at a host, at a template. */
  const longest = { group: createLongest(), host: createLongest(), names: [createLongest(), createLongest(), createLongest()] as const }
  const perHost = new Map<number, number>()
  const perTemplate = new Map<number, number>()
  const perName = new Map<number, number>()
  /** By the hash of value and key. */
  const seen = createSeenValues()
  const leftOut: LeftOut = { hosts: 0, templates: 0, names: 0, values: 0, pairs: 0 }

  function idOf(map: Map<number, number>, key: number, most: number): number {
    const known = map.get(key)
    if (known !== undefined) return known
    if (map.size >= most) return -1
    map.set(key, map.size)
    return map.size - 1
  }

  /** As idOf, with a limit for each owner. */
  function idWithin(
    map: Map<number, number>,
    key: number,
    owner: number,
    { taken, most, inAll }: { taken: Map<number, number>; most: number; inAll: number },
  ): number {
    const known = map.get(key)
    if (known !== undefined) return known
    const used = taken.get(owner) ?? 0
    if (used >= most || map.size >= inAll) return -1
    taken.set(owner, used + 1)
    map.set(key, map.size)
    return map.size - 1
  }

  /** Counts the sequences of a value, once for each distinct one; `level` 0 anywhere (and in its group), 1 at a host. */
  function countValue(
    shape: Shape,
    valueHash: number,
    fold: number,
    { level, id, group }: { level: 0 | 1; id: number; group: number },
  ): void {
    const key = mixHash(valueHash, id * 2 + level)
    const folds = seen.get(key)
    const bit = 1 << fold
    if (folds === 0) {
      const owner = id * 2 + level
      const used = perName.get(owner) ?? 0
      if (used >= limits.valuesPerName || seen.size() >= limits.values || counts.sequences[level].size() >= limits.sequences) {
        leftOut.values++
        return
      }
      perName.set(owner, used + 1)
      seen.set(key, bit)
      addSequences(shape, { level, id, group }, (counter, at) => counter.add(at, fold))
    } else if ((folds & bit) === 0) {
      // The profile without the one fold that had it so far now has it too.
      const only = Math.log2(folds)
      if (Number.isInteger(only)) addSequences(shape, { level, id, group }, (counter, at) => counter.addToFold(at, only, -1))
      seen.set(key, folds | bit)
    }
  }

  function addSequences(
    { symbols, length }: Shape,
    { level, id, group }: { level: 0 | 1; id: number; group: number },
    add: (counter: ReturnType<typeof createCounter>, key: number) => void,
  ): void {
    let a = 0
    let b = 0
    let d = 0
    for (let at = 0; at <= length; at++) {
      const s = at < length ? symbols[at]! : 0
      if (level === 0) add(counts.group, (((group * SYMBOLS + a) * SYMBOLS + b) * SYMBOLS + d) * SYMBOLS + s)
      add(counts.sequences[level], id * CONTEXTS * SYMBOLS + (b * SYMBOLS + d) * SYMBOLS + s)
      a = b
      b = d
      d = s
    }
  }

  function addPair(counter: Counter, key: number, fold: number): void {
    if (!counter.add(key, fold)) leftOut.pairs++
  }

  function countPresence(level: 0 | 1 | 2 | 3, id: number, shape: Shape, fold: number): void {
    const counter = counts.presence[level]
    counter.add(id * 40 + 39, fold)
    for (let bits = shape.low; bits !== 0; bits &= bits - 1) counter.add(id * 40 + lowestBit(bits), fold)
    for (let bits = shape.high; bits !== 0; bits &= bits - 1) counter.add(id * 40 + 32 + lowestBit(bits), fold)
  }

  function countField({ group, key, value }: Field, place: { host: number; template: number }, fold: number): number[] {
    const nameHash = hash(key, PURPOSE.name + group)
    const name = isKept(nameHash) ? idOf(ids.names, nameHash, limits.names) : -1
    const shape = shapeOf(value)
    if (group !== NAME) countPresence(0, group, shape, fold)
    longest.group.note(group, fold, value.length)
    if (place.host >= 0) longest.host.note(place.host * GROUPS.length + group, fold, value.length)
    if (name < 0) {
      leftOut.names++
      return []
    }
    const valueHash = hash(value, PURPOSE.value)
    countValue(shape, valueHash, fold, { level: 0, id: name, group })
    longest.names[0].note(name, fold, value.length)
    if (group !== NAME) countPresence(1, name, shape, fold)
    if (place.host < 0) return [name]
    const atHost = idOf(ids.namesAtHost, pairKey(place.host, name), limits.names * 4)
    if (atHost < 0) {
      leftOut.names++
      return [name]
    }
    countValue(shape, valueHash, fold, { level: 1, id: atHost, group })
    longest.names[1].note(atHost, fold, value.length)
    if (group !== NAME) countPresence(2, atHost, shape, fold)
    if (place.template < 0 || (group !== ARGUMENT && group !== PATH)) return [name, atHost]
    const atTemplate = idWithin(ids.namesAtTemplate, pairKey(place.template, name), place.template, {
      taken: perTemplate,
      most: limits.namesPerTemplate,
      inAll: limits.namesAtTemplates,
    })
    if (atTemplate < 0) {
      leftOut.names++
      return [name, atHost]
    }
    countPresence(3, atTemplate, shape, fold)
    longest.names[2].note(atTemplate, fold, value.length)
    return [name, atHost, atTemplate]
  }

  return {
    salt,
    ids,
    counts,
    longest,
    leftOut,
    /** Forgets which values were seen: nothing may be added afterwards. */
    close(): void {
      seen.clear()
      perName.clear()
    },
    /** Takes up a clean request; `fold` 0 to 4. */
    add({ fields, host: hostName, template: path, headerNames, methodAndType, headers }: Fields, fold: number): void {
      const hostHash = hash(hostName, PURPOSE.host)
      const host = isHostKept(hostHash) ? idOf(ids.hosts, hostHash, limits.hosts) : -1
      if (host < 0) leftOut.hosts++
      const template =
        host < 0
          ? -1
          : idWithin(ids.templates, hash(path, PURPOSE.template + host), host, {
              taken: perHost,
              most: limits.templatesPerHost,
              inAll: limits.templates,
            })
      if (host >= 0 && template < 0) leftOut.templates++
      counts.requests.add(0, fold)
      if (host >= 0) counts.hosts.add(host, fold)
      if (template >= 0) counts.templates.add(template, fold)
      if (headers === 'all') {
        counts.requests.add(1, fold)
        const set = idOf(ids.headerSets, hash(headerNames, PURPOSE.headerSet), limits.names)
        if (host >= 0) counts.hostsWithHeaders.add(host, fold)
        if (set >= 0) counts.headerSets.add(set, fold)
        if (set >= 0 && host >= 0) addPair(counts.headerSetsAtHost, pairKey(host, set), fold)
      }
      const method = idOf(ids.methods, hash(methodAndType, PURPOSE.method), limits.names)
      if (method >= 0) counts.methods.add(method, fold)
      if (method >= 0 && host >= 0) addPair(counts.methodsAtHost, pairKey(host, method), fold)
      if (method >= 0 && template >= 0) addPair(counts.methodsAtTemplate, pairKey(template, method), fold)
      const once = [new Set<number>(), new Set<number>(), new Set<number>()] as const
      for (const field of fields) {
        const found = countField(field, { host, template }, fold)
        if (field.group === ARGUMENT) found.forEach((id, level) => void once[level as 0 | 1 | 2].add(id))
      }
      once.forEach((set, level) => {
        for (const id of set) counts.named[level as 0 | 1 | 2].add(id, fold)
      })
    },
  }
}

/** The place of the lowest bit that is set. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}
