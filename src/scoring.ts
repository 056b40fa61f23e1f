import { canonicalIp } from './core/ip.ts'
import { type Model, type Scored, scoreRequest } from './core/model/model.ts'
import { toHttpRequest } from './core/model/request.ts'
import { cleanLine, hostOf } from './core/scoring/clean-line.ts'
import { parseForm } from './core/scoring/form.ts'
import type { Inquiry } from './core/scoring/inquiry.ts'
import type { Counters, Outcome, Protocol } from './core/scoring/metrics.ts'
import { parseNetstrings } from './core/scoring/netstrings.ts'
import type { Reservoir } from './core/scoring/reservoir.ts'
import { scoreOutput } from './core/scoring/score-output.ts'
import { DENIED, formReply, inlineReply, type Reply, toVerdict, type Verdict } from './core/scoring/verdict.ts'
import type { HttpRequest, Ip, Millis, Result } from './core/types.ts'
import type { Asked } from './edge/scoring/http-server.ts'

/** CRS blocks from this score on by default; a request below it is none that the rules objected to. */
const CRS_OBJECTS = 5

export type ScoringParts = {
  model: () => Model
  score?: (model: Model, request: HttpRequest) => Scored
  denied: { isDenied(ip: Ip): boolean }
  /** Finds the client behind trusted proxies. */
  findClient: (peer: Ip, headers: HttpRequest['headers']) => { ip: Ip }
  reservoir: Reservoir | undefined
  counters: Counters
  settings: { highScore: number; threatScore: number; scoreDeadline: Millis; scoreSite: string }
  metrics: () => string
  /** Milliseconds since 1970, and a clock that only goes forward. */
  clock: () => Millis
  now: () => Millis
}

const NOT_FOUND: Reply = { status: 404, body: 'not found\n' }
const NOT_ALLOWED: Reply = { status: 405, body: 'method not allowed\n' }

/** Makes the function that answers one whole request to the scoring server: route, parse, score, reply. Nothing in it waits. */
export function createScoring(parts: ScoringParts): (asked: Asked) => Reply {
  const { counters, settings } = parts
  const score = parts.score ?? scoreRequest

  return asked => {
    const [path] = asked.path.split('?', 1)
    if (path === '/') return asked.method === 'POST' ? inquire('form', parseOriginal, formReply, asked) : readOnly(asked, 'Service is up')
    if (path === '/v1/score') return asked.method === 'POST' ? scored(asked) : NOT_ALLOWED
    if (path === '/healthz') return readOnly(asked, 'ok\n')
    if (path === '/metrics') return readOnly(asked, parts.metrics())
    return NOT_FOUND
  }

  function parseOriginal(body: string): Result<Inquiry> {
    return parseForm(body, settings.scoreSite)
  }

  function readOnly({ method }: Asked, body: string): Reply {
    counters.ended('http', 'other')
    return method === 'GET' || method === 'HEAD' ? { status: 200, body } : NOT_ALLOWED
  }

  function scored(asked: Asked): Reply {
    const type = asked.contentType.split(';', 1)[0]!.trim().toLowerCase()
    if (type === 'application/x-modsec-ml') return inquire('inline', parseNetstrings, inlineReply, asked)
    if (type === 'application/json') return people(asked)
    return broken('http', 'Content-Type must be application/x-modsec-ml or application/json')
  }

  /** What the web application firewall asks; it waits for the answer. */
  function inquire(protocol: Protocol, parse: (body: string) => Result<Inquiry>, write: (verdict: Verdict) => Reply, asked: Asked): Reply {
    if (parts.now() - asked.since > settings.scoreDeadline) return ended(protocol, { kind: 'none', why: 'late' }, write, asked)
    const parsed = parse(asked.body.toString('latin1'))
    if (!parsed.ok) return broken(protocol, parsed.problem)
    return ended(protocol, judge(parsed.value), write, asked)
  }

  function judge({ request, ip, crsScore }: Inquiry): Verdict {
    if (ip !== undefined && isDenied(ip, request)) return DENIED
    const result = score(parts.model(), request)
    const isOrdinary = result.score < settings.threatScore && crsScore !== undefined && crsScore < CRS_OBJECTS
    if (isOrdinary) parts.reservoir?.offer(hostOf(request), () => cleanLine(request, parts.clock()))
    return toVerdict(result, settings.highScore)
  }

  function isDenied(ip: Ip, { headers }: HttpRequest): boolean {
    return parts.denied.isDenied(parts.findClient(ip, headers).ip)
  }

  /** What people ask: the same score, with its reasons, also where the firewall would get none. */
  function people({ body, since }: Asked): Reply {
    let value: unknown
    try {
      value = JSON.parse(body.toString('utf8'))
    } catch {
      return broken('json', 'is no JSON')
    }
    const request = toHttpRequest(value)
    if (!request.ok) return broken('json', request.problem)
    const { ip: given } = value as { ip?: unknown }
    const ip = typeof given === 'string' ? canonicalIp(given) : undefined
    const output = {
      ...scoreOutput(parts.model(), request.value),
      ...(ip !== undefined && isDenied(ip, request.value) ? { denied: true } : {}),
    }
    counters.ended('json', output.anomaly_score >= settings.highScore ? 'deny' : 'pass')
    counters.took((parts.now() - since) / 1000)
    return { status: 200, body: `${JSON.stringify(output)}\n`, type: 'json' }
  }

  function ended(protocol: Protocol, verdict: Verdict, write: (verdict: Verdict) => Reply, { since }: Asked): Reply {
    counters.ended(protocol, outcomeOf(verdict))
    counters.took((parts.now() - since) / 1000)
    return write(verdict)
  }

  function broken(protocol: Protocol, problem: string): Reply {
    counters.ended(protocol, 'broken')
    return protocol === 'form'
      ? { status: 400, body: 'Bad Request' }
      : protocol === 'json'
        ? { status: 400, body: `${JSON.stringify({ error: problem })}\n`, type: 'json' }
        : { status: 400, body: `${problem}\n` }
  }
}

function outcomeOf(verdict: Verdict): Outcome {
  if (verdict === DENIED) return 'denied_client'
  if (verdict.kind === 'none') return verdict.why
  return verdict.deny ? 'deny' : 'pass'
}
