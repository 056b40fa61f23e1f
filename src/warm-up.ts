import { createCounters } from './core/scoring/metrics.ts'
import { createReservoir } from './core/scoring/reservoir.ts'
import { createScoring, type ScoringParts } from './scoring.ts'

const ROUNDS = 300
const HEADERS = ['Host\0localhost', 'User-Agent\0Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', 'Accept\0*/*', 'Cookie\0a=b']

/** Answers made-up requests that leave no trace, until the code for them is compiled: the first real ones would be late otherwise. */
export function warmUp(parts: ScoringParts): void {
  const scoring = createScoring({
    ...parts,
    counters: createCounters(),
    reservoir: createReservoir({ requests: ROUNDS, bytes: 1e6, random: () => 0.5, now: () => 0 }),
    now: () => 0,
  })
  for (let round = 0; round < ROUNDS; round++) {
    const uri = `/warm/up/${round}?name=value&page=${round}`
    const fields = ['ip=127.0.0.1', 'm=POST', `u=${uri}`, 'p=HTTP/1.1', 'cs=0', ...HEADERS.map(header => `h=${header}`), 'b=text=some+text']
    const form = `method=GET&path=/warm&args={"ARGS:page":"${round}"}&files={}&sizes={}&hour=00&day=01`
    post('/', 'application/x-www-form-urlencoded', form)
    post('/v1/score', 'application/x-modsec-ml', fields.map(field => `${field.length}:${field},`).join(''))
    post('/v1/score', 'application/json', JSON.stringify({ uri, headers: { Host: 'localhost' } }))
  }

  function post(path: string, contentType: string, body: string): void {
    scoring({ method: 'POST', path, contentType, body: Buffer.from(body), since: 0 })
  }
}
