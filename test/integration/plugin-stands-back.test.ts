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
const KINDS = [
  { path: '/?q=hello', score: '1.20' },
  { path: '/?arg=../../etc/passwd', score: '9.10' },
  { path: '/?arg=../../etc/passwd', score: '2.10' },
  { path: '/?q=hello', score: '8.20' },
]

for (const { name, start, skip } of SERVERS) {
  test(`${name}: switched off for a request by its arguments, the CRS decides in every mode`, { skip, timeout: 60_000 }, async () => {
    // Arguments of a body are known in phase 2 only, behind the rules that switch the plugin off for good.
    const off = `SecRule ARGS:form "@streq import" "id:20,phase:2,pass,nolog,setvar:'tx.machine-learning-plugin_enabled=0'"`
    await withPlugin(
      start,
      undefined,
      async ({ ask, scorers }) => {
        for (const mode of ['1', '2', '3']) {
          assert.equal(await ask('/?arg=../../etc/passwd&want=1.00&form=import', { 'X-Test-Mode': mode }), 403, `mode ${mode}, an attack`)
          assert.equal(await ask('/?q=hello&want=9.10&form=import', { 'X-Test-Mode': mode }), 200, `mode ${mode}, benign`)
        }
        assert.equal(scorers.fine.asked.length, 0)
      },
      off,
    )
  })

  test(`${name}: an engine that only looks on blocks nothing in any mode, and tells the same`, { skip, timeout: 60_000 }, async () => {
    await withPlugin(
      start,
      undefined,
      async ({ ask, server }) => {
        for (const mode of ['1', '2', '3'])
          for (const { path, score } of KINDS)
            for (const scorer of ['fine', 'down'])
              assert.equal(
                await ask(`${path}&want=${score}`, { 'X-Test-Mode': mode, 'X-Test-Scorer': scorer }),
                200,
                `${mode} ${path} ${scorer}`,
              )
        await until('denials are told', () => {
          const text = readFileSync(server.auditLog, 'utf8')
          return ['9516320', '9516330', '9516170'].every(id => text.includes(id))
        })
        // What the CRS objects to has its score in the log, however low, or why it has none.
        const told: [string, string, RegExp][] = [
          ['/?arg=../../etc/passwd&want=2.10&n=1', 'fine', /"9516160".*ML Score: 2\.10/],
          ['/?arg=../../etc/passwd&n=2', 'unready', /"9516300".*ML status: unready\. Mode: 3/],
        ]
        for (const [path, scorer, said] of told) {
          await ask(path, { 'X-Test-Mode': '3', 'X-Test-Scorer': scorer })
          const entries = () =>
            readFileSync(server.auditLog, 'utf8')
              .split('\n')
              .filter(line => line.includes(path))
          await until(`${path} is logged`, () => entries().length > 0)
          assert.match(entries()[0]!.replaceAll('\\"', '"'), said)
        }
      },
      'SecRuleEngine DetectionOnly',
    )
  })
}
