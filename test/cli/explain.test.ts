import assert from 'node:assert/strict'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createPipelineHarness } from '../pipeline-harness.ts'
import { modwarden, openFolder } from './modwarden.ts'

const folder = openFolder('explain-')
after(() => rmSync(folder, { recursive: true }))
const database = join(folder, 'modwarden.db')
const config = join(folder, 'modwarden.toml')
writeFileSync(config, `audit_log = "${folder}/audit.log"\ndatabase = "${database}"\nmodel_dir = "${folder}/models"\n`)

const harness = createPipelineHarness({ path: database, isAllowed: ip => ip === '192.0.2.1' })
harness.handle([{ ip: '192.0.2.1', loggedScore: 9 }])
harness.handle([{ ip: '192.0.2.2', loggedScore: 9 }], 'low')
harness.handle([{ ip: '192.0.2.3' }])
harness.handle(Array.from({ length: 2001 }, () => ({ ip: '192.0.2.4', loggedScore: 6 })))
harness.handle([{ ip: '192.0.2.5', uri: '/\x9b2J\x7f' }])
harness.store.close()
chmodSync(database, 0o666)

const events = [
  { id: 1, name: 'of an allowed address', says: /\n {2}no threat: its address was allowed, or the settings were others\n$/ },
  { id: 2, name: 'that may be forged', says: /\n {2}no threat: a client may have written this entry\n$/ },
  { id: 3, name: 'that is ordinary', says: /\n {2}no threat\n$/ },
  { id: 4, name: 'whose threat made room', says: /\n {2}a threat; why is no longer kept\n$/ },
  { id: 2004, name: 'that is a threat', says: /event 2004 {2}score 6\.00\n/ },
]
for (const { id, name, says } of events)
  test(`explain says why of an event ${name}`, async () => {
    const { code, out } = await modwarden(['--config', config, 'explain', String(id)])
    assert.equal(code, 0)
    assert.match(out, says)
  })

test('no command of a client reaches the terminal, in JSON neither', async () => {
  for (const command of [
    ['explain', '2005'],
    ['events', '--ip', '192.0.2.5'],
  ]) {
    const { out } = await modwarden(['--config', config, ...command])
    assert.match(out, /\/\\x9b2J\\x7f/)
    const json = await modwarden(['--config', config, ...command, '--json'])
    assert.doesNotMatch(json.out, /[\x7f-\x9f]/)
    const [found] = json.objects()
    assert.equal((found.event ?? found).path, '/\x9b2J\x7f')
  }
})
