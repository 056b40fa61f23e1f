import { formatDuration } from '../duration.ts'
import type { Millis } from '../types.ts'
import { eachTail, type LogKnown, type ReadLog, timeText } from './each-log.ts'
import { type Check, skipped, type Verdict } from './finding.ts'
import type { TailSummary } from './log-tail.ts'
import { quoted, setCommand } from './shell.ts'
import { effective, placeText, setupCommand } from './waf.ts'

/** The last entry of a log says when it was last written to, but for the time that its transaction took. */
const MOST_SKEW: Millis = 5 * 60_000
const QUARTER: Millis = 15 * 60_000
const MOST_QUARTERS = 14 * 4
/** Fewer events than this do not tell what all of them are like. */
const FEW = 20
/** These have local times without a zone. */
const ZONELESS: ReadonlySet<string> = new Set(['v3-json', 'v3-native', 'coraza-native', 'coraza-json-legacy'])
const NO_EVENT = skipped('there is no event in it yet')

export const ENTRY_CHECKS: readonly Check[] = [
  eachTail({
    id: 'log-json-support',
    finds: 'the engine was built without JSON (yajl): it writes an error in the place of each transaction, or the native format',
    remedy: '`SecAuditLogFormat Native`, or a build of ModSecurity with yajl, as the packages of Debian and Ubuntu are',
    judge: ({ tail }, { scopes, configs }) => {
      const json = effective(scopes, 'secauditlogformat').find(({ value }) => value?.value.toLowerCase() === 'json')?.value
      const without = configs.find(({ hasJson }) => hasJson === false)
      if (!tail.saysNoJson && (json === undefined || without === undefined))
        return { severity: 'ok', what: 'nothing says that the engine cannot write JSON' }
      const where = json === undefined ? '' : `${placeText('SecAuditLogFormat', json)}; `
      return {
        severity: 'bad',
        what: 'ModSecurity was built without JSON, and is told to write it',
        evidence: `${where}${tail.saysNoJson ? 'the log says: ModSecurity was not compiled with JSON support' : `no yajl in ${without?.module}`}`,
        remedy:
          json === undefined
            ? 'grep -rin SecAuditLogFormat /etc/nginx /etc/apache2 /etc/httpd /etc/modsecurity   # set Native, restart the web server'
            : `sed -i --follow-symlinks 's/^\\(\\s*SecAuditLogFormat\\s\\).*/\\1Native/I' ${quoted(json.file)}   # then restart the web server`,
      }
    },
  }),
  eachTail({
    id: 'log-format',
    finds: 'an audit log is written in the native format, in which clients can make text look like an entry, although JSON would do',
    remedy: '`SecAuditLogFormat JSON`: `modwarden setup apache` (or `nginx`) sets it',
    judge: ({ tail }, { configs, scopes }) => {
      if (tail.last === undefined) return NO_EVENT
      const { format } = tail.last
      if (!format.endsWith('native')) return { severity: 'ok', what: `it is written as ${format}` }
      if (configs.some(({ hasJson }) => hasJson === false))
        return { severity: 'ok', what: `it is written as ${format}; its engine has no JSON` }
      const set = effective(scopes, 'secauditlogformat').flatMap(({ value }) =>
        value === undefined ? [] : placeText('SecAuditLogFormat', value),
      )
      const shares = tail.formats.map(one => `${one.events} ${one.format}`).join(', ')
      return {
        severity: 'warn',
        what: 'it is written in the native format, where JSON would do: in JSON nothing can be forged',
        evidence: [`of the last events: ${shares}`, ...set].join('; '),
        remedy: setupCommand(configs, format),
      }
    },
  }),
  eachTail({
    id: 'log-parts',
    finds:
      'entries lack what tells an attack: the request and its headers (part B), the matched rules (H), bodies (I; C with libmodsecurity)',
    remedy: '`SecAuditLogParts ABFHIZ` (Apache), `ABCFHZ` (nginx): `modwarden setup apache` (or `nginx`) sets it',
    judge: lackingParts,
  }),
  eachTail({
    id: 'log-clients',
    finds: 'nearly all events come from one address, which may be a proxy: nobody behind it can be told apart',
    remedy:
      'if it is your proxy: the settings `trusted_proxies` and `client_ip_header`, see [enforcement.md](enforcement.md#clients-behind-a-proxy)',
    judge: ({ tail }, facts) => clientsOf(tail, facts),
  }),
  eachTail({
    id: 'log-clock',
    finds: 'the times in an audit log differ from the clock of this machine, or from its time zone',
    remedy:
      '`timedatectl set-ntp true`; the same time zone for the machine and the web server (`TZ` in its environment), then restart both',
    judge: skewOf,
  }),
]

function lackingParts({ tail }: ReadLog, { scopes, configs }: LogKnown): Verdict {
  if (tail.last === undefined) return NO_EVENT
  const set = effective(scopes, 'secauditlogparts').flatMap(({ value }) => value ?? [])
  const remedy = setupCommand(configs, tail.last.format)
  const lacking = (severity: 'bad' | 'warn', what: string, seen: string): Verdict => ({
    severity,
    what,
    evidence: [seen, ...set.map(value => placeText('SecAuditLogParts', value))].join('; '),
    remedy,
  })
  const of = (count: number, what: string) => `${count} of ${tail.events} events have ${what}`
  if (tail.withRequest < tail.events / 2)
    return lacking('bad', 'its entries lack the request: part B is missing', of(tail.withRequest, 'a request line'))
  if (tail.withHeaders < tail.events / 2)
    return lacking('bad', 'its entries lack the headers: part B is missing', of(tail.withHeaders, 'headers'))
  const isSetWithout = set.some(({ value }) => !value.toUpperCase().includes('H'))
  if (tail.withMatches === 0 && (isSetWithout || (set.length === 0 && tail.events >= FEW)))
    return lacking(isSetWithout ? 'bad' : 'warn', 'its entries have no matched rules: part H may be missing', of(0, 'a matched rule'))
  if (tail.mayHaveBody >= FEW && tail.withBody === 0)
    return lacking('warn', 'its entries lack the bodies of requests, which are scored without them', `0 of ${tail.mayHaveBody} bodies`)
  return { severity: 'ok', what: 'its entries have the request, its headers and the matched rules' }
}

function clientsOf({ busiest, events, proxied }: TailSummary, { settings, settingsFolder }: LogKnown): Verdict {
  if (busiest === undefined || events < FEW) return skipped(`there are too few events in it (${events})`)
  if (proxied.events > 0 && proxied.unknown > proxied.events / 2)
    return {
      severity: 'bad',
      what: `the trusted proxies do not name the client in ${settings.clientIpHeader}: what comes from there counts against nobody`,
      evidence: `no client in ${proxied.unknown} of ${proxied.events} events from trusted proxies`,
      remedy: `grep -rn client_ip_header ${quoted(settingsFolder)} ${quoted(`${settingsFolder}/..`)}   # name the header that your proxy sets`,
    }
  if (proxied.events > events / 2) return { severity: 'ok', what: 'the clients behind the trusted proxies are found' }
  const { ip, events: own, addresses, headers } = busiest
  // Anybody may send one such header; that all do, with many names, is the work of a proxy.
  const named = headers.find(header => header.events > own * 0.9 && header.clients > 1)
  if (own < events * 0.95 || (named === undefined && !isPrivate(ip)))
    return { severity: 'ok', what: `the last ${events} events come from ${addresses} addresses` }
  const header = named?.header ?? 'X-Forwarded-For'
  return {
    severity: named === undefined ? 'warn' : 'bad',
    what: `${ip} is the client of nearly all events: if it is your load balancer, CDN or Docker (and only then), trust it`,
    evidence: `${own} of ${events} events${named === undefined ? '' : `; ${named.events} of them name ${named.clients} clients in ${named.header}`}`,
    remedy: setCommand(
      settingsFolder,
      'proxy',
      [`trusted_proxies = ["${ip}"]`, `client_ip_header = "${header}"`],
      'modwarden check && systemctl reload modwarden',
    ),
  }
}

function skewOf({ tail: { last }, file }: ReadLog): Verdict {
  if (last === undefined) return NO_EVENT
  const skew = last.at - file.mtime
  if (Math.abs(skew) <= MOST_SKEW) return { severity: 'ok', what: 'its times are those of this machine' }
  const evidence = `the last event is of ${timeText(last.at)}, and was written at ${timeText(file.mtime)}`
  const amount = `${formatDuration(Math.abs(skew))} ${skew > 0 ? 'ahead' : 'behind'}`
  const quarters = Math.round(skew / QUARTER)
  const isZone = quarters !== 0 && Math.abs(quarters) <= MOST_QUARTERS && Math.abs(skew - quarters * QUARTER) <= MOST_SKEW / 2
  if (ZONELESS.has(last.format) && isZone)
    return {
      severity: 'bad',
      what: `the web server writes the times of another time zone (${amount})`,
      evidence,
      remedy: 'timedatectl; systemctl show -p Environment apache2 nginx modwarden   # one zone for all, then restart them',
    }
  return {
    severity: 'warn',
    what: `its times are not those of this machine's clock (${amount})`,
    evidence,
    remedy: 'timedatectl set-ntp true && timedatectl',
  }
}

const PRIVATE =
  /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|127\.|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|::1$)/

function isPrivate(ip: string): boolean {
  return PRIVATE.test(ip)
}
