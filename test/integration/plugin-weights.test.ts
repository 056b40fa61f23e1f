import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { whyNoLuaSocket } from '../servers/plugin.ts'
import { withPlugin } from '../servers/with-plugin.ts'
import { until } from '../until.ts'

const SERVERS = [
  { name: 'nginx with ModSecurity 3', start: startNginx, skip: whyNoNginx() ?? whyNoLuaSocket('5.3') ?? false },
  { name: 'Apache with ModSecurity 2', start: startApache, skip: whyNoApache() ?? whyNoLuaSocket('5.1') ?? false },
]

/** One thing that is set, and what a score gets then in mode 3. */
const CASES: [variable: string, value: number, score: string, status: number][] = [
  ['high_threshold', 90, '8.90', 200],
  ['high_threshold', 90, '9.00', 403],
  ['high_weight', 4, '9.00', 200],
  ['medium_threshold', 60, '7.00', 403],
  ['medium_weight', 5, '5.00', 403],
]

for (const { name, start, skip } of SERVERS)
  test(`${name}: of thresholds and weights one may be set, and the others stay as they are`, { skip, timeout: 60_000 }, async () => {
    const variables = [...new Set(CASES.map(([variable]) => variable))]
    const rules = variables.map(
      (variable, index) =>
        `SecRule REQUEST_HEADERS:X-Set-${variable.replace('_', '-')} "@rx ^(\\d+)$" "id:${30 + index},phase:1,pass,nolog,capture,setvar:'tx.machine-learning-plugin_${variable}=%{tx.1}'"`,
    )
    await withPlugin(
      start,
      undefined,
      async ({ ask, server }) => {
        for (const [variable, value, score, status] of CASES) {
          const switches = { 'X-Test-Mode': '3', [`X-Set-${variable.replace('_', '-')}`]: String(value) }
          assert.equal(await ask(`/?q=hello&want=${score}`, switches), status, `${variable}=${value}, ${score}`)
          assert.equal(await ask('/?q=hello&want=1.10', switches), 200)
        }
        await ask('/?q=hello&want=5.50', { 'X-Test-Mode': '3', 'X-Set-medium-threshold': '60' })
        await ask('/?q=hello&want=9.99', { 'X-Test-Mode': '3' })
        const told = () => readFileSync(server.auditLog, 'utf8')
        await until('the last is told', () => told().includes('ML Score: 9.99'))
        assert.doesNotMatch(told(), /ML Score: (?:1\.10|5\.50)/, 'nothing is told of what is below the thresholds')
      },
      rules.join('\n'),
    )
  })
