import { createCounters } from './core/scoring/metrics.ts'
import { createReservoir } from './core/scoring/reservoir.ts'
import { createScoring, type ScoringParts } from './scoring.ts'

const ROUNDS = 300
/** Large bodies take other ways, and without this the first one takes ten times as long as a later one. */
const LARGE_ROUNDS = 30
const LARGE = 16_384
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
    const form = `method=GET&path=/warm&args={"ARGS:page":"${round}"}&files={}&sizes={}&hour=00&day=01`
    post('/', 'application/x-www-form-urlencoded', form)
    inline(uri, 'text=some+text')
    post('/v1/score', 'application/json', JSON.stringify({ uri, headers: { Host: 'localhost' } }))
  }
  for (let round = 0; round < LARGE_ROUNDS; round++) {
    const upTo = (piece: (index: number) => string) => Array.from({ length: LARGE / piece(0).length }, (_, index) => piece(index + round))
    inline('/warm/json', `[${upTo(index => `{"id":${index},"name":"item ${index}","isOpen":true}`).join(',')}]`, 'application/json')
    inline('/warm/form', upTo(index => `name${index}=value+${index}%21`).join('&'))
    inline('/warm/text', `text=${upTo(index => `Some words (${index}), "and"; more. `).join('')}`)
  }

  function inline(uri: string, body: string, type = 'application/x-www-form-urlencoded'): void {
    const headers = [...HEADERS, `Content-Type\0${type}`].map(header => `h=${header}`)
    const fields = ['ip=127.0.0.1', 'm=POST', `u=${uri}`, 'p=HTTP/1.1', 'cs=0', ...headers, `b=${body}`]
    post('/v1/score', 'application/x-modsec-ml', fields.map(field => `${field.length}:${field},`).join(''))
  }

  function post(path: string, contentType: string, body: string): void {
    scoring({ method: 'POST', path, contentType, body: Buffer.from(body), since: 0 })
  }
}
