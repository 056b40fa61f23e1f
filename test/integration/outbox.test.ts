import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../until.ts'
import { announced, withDaemon } from './daemon-harness.ts'

withDaemon(
  'an outbox that is not there stops nothing, and what was to be announced meanwhile is there when it is',
  folder => `outbox_dir = "${folder}/outbox"`,
  async daemon => {
    writeFileSync(join(daemon.folder, 'notify.toml'), '[notify]\ncommand = "/bin/true"\n')
    await daemon.start()
    daemon.write(1, { ip: '192.0.2.1', loggedScore: 9 })
    await until('it is dropped', () => daemon.isDropped('192.0.2.1'))
    await until('it is told', () => daemon.journal().some(line => line.event === 'outbox.failed'))
    mkdirSync(join(daemon.folder, 'outbox'))
    await until('it is announced', () => announced(daemon).includes('address.blocked'))
    await until('that is told too', () => daemon.journal().some(line => line.event === 'outbox.recovered'))
  },
)
