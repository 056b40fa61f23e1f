import type { HttpRequest, Millis } from '../../types.ts'
import { surprisal } from '../calibrate.ts'
import type { Detector } from '../detector.ts'
import { createMeasure, FEATURES, type Measured } from '../features.ts'
import { type Fields, fieldsOf } from '../fields/fields.ts'
import { findWords, LEXICON } from '../fields/lexicon.ts'
import { priorScore } from '../prior.ts'
import { createHash53, mixHash, type Salt } from '../profile/hash.ts'
import { PURPOSE } from '../profile/profile.ts'

/** What is known of a request besides itself: when it came, from whom, whether the WAF or a detector objected to it then, whether the server had nothing there,
 *  and whether a person said that it is clean all the same. */
export type Circumstances = { at?: Millis; ip?: string; isSuspect?: boolean; isNotFound?: boolean; isVouchedFor?: boolean }

/** What the first reading of training data finds out: how many requests each host has and from when, and which requests look like attacks. */
export type Survey = {
  add(request: HttpRequest, circumstances?: Circumstances): void
  /** Requests of a host, by the hash of its name; those that are left out count too. */
  requestsOf(hostHash: number): number
  /** How many hosts there were. */
  hosts(): number
  /** Whether a host was recorded at two times at least, or nobody said when. */
  isSeenAgain(hostHash: number): boolean
  /** Whether to leave out a request (the nth that was added, from 0) as a likely attack. */
  isLeftOut(index: number, circumstances?: Circumstances): boolean
  /** Whether the nth request has a phrase that hardly anything but an attack has. */
  hasPhrase(index: number): boolean
  leftOut(): { suspect: number; attack_like: number; addresses: number }
}

/** The prior finds one clean request in 10^this as attack-like, at a site it does not know: sure of it, and doubtful. */
const SURE = 3
const DOUBTFUL = 1.5
/** More sure ones than clean requests bring: there are attacks among them, and the doubtful are left out too, which costs little then. Measured with 1 and
 *  5 % of attacks among the requests of 23 sites. */
const CLEAN_SHARE_SURE = 0.001
/** What many requests to a path have in the same place is how this site is, when it came at two times and from two addresses, and the path is there. */
const USUAL_SHARE = 0.2
const USUAL_COUNT = 5
/** An address with so many attack-like requests, and such a share of them, is an attacker's: all it sent is left out. */
const ATTACKER_COUNT = 5
const ATTACKER_SHARE = 0.05
/** Bounds of what is remembered; beyond them nothing attack-like is excused, and no more addresses are judged. */
const MOST = 200_000
const PERIOD: Millis = 86_400_000
const PHRASES = FEATURES.indexOf('k_sure')

/** `period`: of its first request that says when it came. */
type Host = { requests: number; period: number | undefined; isSeenAgain: boolean }
type Pattern = { requests: number; period: number | undefined; ip: number | undefined; isSpread: boolean }
type Address = { requests: number; attackLike: number }
type AttackLike = { pattern: number; path: number; lp: number }

/** Makes an empty survey; `base` tells what looks like an attack on any site. */
export function createSurvey(base: Detector, salt: Salt): Survey {
  const hash = createHash53(salt)
  const measure = createMeasure(base.profile)
  const hosts = new Map<number, Host>()
  const paths = new Map<number, number>()
  const patterns = new Map<number, Pattern>()
  const addresses = new Map<number, Address>()
  /** The pattern of each attack-like request, by its index; and a bit for each likely one of which there was no room for one. */
  const attackLike = new Map<number, AttackLike>()
  const phrases = new Set<number>()
  let inexcusable = new Uint8Array(1024)
  let inexcusables = 0
  let suspects = 0
  let added = 0
  let threshold: number | undefined

  const addressOf = ({ ip }: Circumstances) => (ip === undefined ? undefined : hash(ip, PURPOSE.value))
  const markInexcusable = (index: number) => {
    if (index >> 3 >= inexcusable.length) {
      const grown = new Uint8Array(2 * (index >> 3))
      grown.set(inexcusable)
      inexcusable = grown
    }
    inexcusable[index >> 3]! |= 1 << (index & 7)
    inexcusables++
  }
  const isUsual = ({ pattern, path }: AttackLike) => {
    const found = patterns.get(pattern)
    if (found === undefined || found.requests < USUAL_COUNT || !found.isSpread) return false
    return found.requests >= USUAL_SHARE * (paths.get(path) ?? Number.POSITIVE_INFINITY)
  }
  /** From which likeness on requests are left out; known once all are added. */
  const bound = () => {
    threshold ??=
      [...attackLike.values()].filter(found => found.lp >= SURE && !isUsual(found)).length > CLEAN_SHARE_SURE * added ? DOUBTFUL : SURE
    return threshold
  }
  const isBad = (found: AttackLike) => found.lp >= bound() && !isUsual(found)
  const isAttacker = (address: number | undefined) => {
    const found = address === undefined ? undefined : addresses.get(address)
    return found !== undefined && found.attackLike >= ATTACKER_COUNT && found.attackLike >= ATTACKER_SHARE * found.requests
  }

  return {
    add(request, circumstances = {}) {
      const index = added++
      const fields = fieldsOf(request)
      const period = circumstances.at === undefined ? undefined : Math.floor(circumstances.at / PERIOD)
      const hostHash = hash(fields.host, PURPOSE.host)
      const path = mixHash(hash(fields.template, PURPOSE.template), hostHash % 2 ** 31)
      const host = remember(hosts, hostHash, () => ({ requests: 0, period, isSeenAgain: false }))
      if (host !== undefined) {
        host.requests++
        // A request without a time, such as one that a person marked as clean, says nothing of a second one.
        host.period ??= period
        if (period !== undefined && period !== host.period) host.isSeenAgain = true
      }
      if (paths.size < MOST || paths.has(path)) paths.set(path, (paths.get(path) ?? 0) + 1)
      const address = addressOf(circumstances)
      const sender = address === undefined ? undefined : remember(addresses, address, () => ({ requests: 0, attackLike: 0 }))
      if (sender !== undefined) sender.requests++
      if (circumstances.isSuspect && !circumstances.isVouchedFor) {
        suspects++
        if (sender !== undefined) sender.attackLike++
        return
      }
      const measured = measure(fields)
      if (measured.row[PHRASES]! > 0 && phrases.size < MOST) phrases.add(index)
      if (circumstances.isVouchedFor) return
      const lp = surprisal(base.calibration.prior, priorScore(base.prior, measured.row))
      if (lp < DOUBTFUL) return
      if (sender !== undefined && lp >= SURE) sender.attackLike++
      const pattern = mixHash(path, hash(placeOf(base, measured, fields), PURPOSE.value) % 2 ** 31)
      // All sites are asked for the files that scanners look for, again and again: the path itself is no custom.
      if (attackLike.size >= MOST || hasPhraseInPath(measured, fields)) {
        if (lp >= SURE) markInexcusable(index)
        return
      }
      attackLike.set(index, { pattern, path, lp })
      const found = remember(patterns, pattern, () => ({
        requests: 0,
        period,
        ip: address,
        isSpread: period === undefined && address === undefined,
      }))
      if (found === undefined || circumstances.isNotFound) return
      found.requests++
      if ((period === undefined || period !== found.period) && (address === undefined || address !== found.ip)) found.isSpread = true
    },
    requestsOf: hostHash => hosts.get(hostHash)?.requests ?? 0,
    hosts: () => hosts.size,
    isSeenAgain: hostHash => {
      const host = hosts.get(hostHash)
      return host !== undefined && (host.isSeenAgain || host.period === undefined)
    },
    isLeftOut(index, circumstances = {}) {
      if (circumstances.isVouchedFor) return false
      if (circumstances.isSuspect) return true
      if (((inexcusable[index >> 3] ?? 0) >> (index & 7)) & 1) return true
      const found = attackLike.get(index)
      return (found !== undefined && isBad(found)) || isAttacker(addressOf(circumstances))
    },
    hasPhrase: index => phrases.has(index),
    leftOut: () => ({
      suspect: suspects,
      attack_like: inexcusables + [...attackLike.values()].filter(isBad).length,
      addresses: [...addresses.keys()].filter(isAttacker).length,
    }),
  }
}

function hasPhraseInPath({ row }: Measured, { fields }: Fields): boolean {
  return row[PHRASES]! > 0 && findWords(LEXICON.indexOf('k_sure'), fields[0]!.value) >= 0
}

/** Names the field that stands out most. */
function placeOf({ usual }: Detector, { row, field }: Measured, { fields }: Fields): string {
  let best = -1
  for (let index = 0; index < row.length; index++) {
    if (field[index]! >= 0 && (best < 0 || row[index]! - usual[index]! > row[best]! - usual[best]!)) best = index
  }
  const found = best < 0 ? undefined : fields[field[best]!]
  return found === undefined ? '' : `${found.group} ${found.key}`
}

function remember<T>(map: Map<number, T>, key: number, make: () => T): T | undefined {
  const known = map.get(key)
  if (known !== undefined || map.size >= MOST) return known
  const made = make()
  map.set(key, made)
  return made
}
