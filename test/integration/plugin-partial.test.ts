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
const FORM = 'application/x-www-form-urlencoded'
const ATTACK = 'y=../../etc/passwd'
const PADDING = `x=${'a+word+'.repeat(3000)}`

for (const { name, start, skip } of SERVERS)
  test(`${name}: an attack behind more than the scorer is sent is no false positive`, { skip, timeout: 60_000 }, async () => {
    await withPlugin(start, undefined, async ({ ask, server }) => {
      const post = (body: string, mode: string, path = '/form?want=2.10', switches = {}) =>
        ask(path, { 'X-Test-Mode': mode, 'Content-Type': FORM, ...switches }, { method: 'POST', body })
      for (const mode of ['1', '2']) {
        assert.equal(await post(ATTACK, mode), 200, `mode ${mode}: what the model has seen it can acquit`)
        assert.equal(await post(`${PADDING}&${ATTACK}`, mode), 403, `mode ${mode}: what it has not seen it cannot`)
        assert.equal(await post(`${ATTACK}&${PADDING}`, mode, '/form?want=9.10'), 403, `mode ${mode}: what it objects to is denied`)
        assert.equal(await post(PADDING, mode), 200, `mode ${mode}: long and benign`)
        assert.equal(await post(`${PADDING}&${ATTACK}`, mode, '/form?want=2.10', { 'X-Test-Threshold': '90' }), 403, 'own threshold')
        assert.equal(await post(`${PADDING}&${ATTACK}`, mode, '/form?want=2.10', { 'X-Test-Fail': '1' }), 403, 'fail 1')
      }
      await until('it is told', () => /ML Score: 2\.10.*ML status: partial\. Mode: 1/.test(readFileSync(server.auditLog, 'utf8')))
    })
  })
