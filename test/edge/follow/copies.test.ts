import assert from 'node:assert/strict'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { createHarness, type Harness, rotated, scenario } from './harness.ts'

/** Writes entries that are of the past when the log is met for the first time: nothing may come of them. */
function writePast(h: Harness, count: number): void {
  const made = h.made().length
  h.write(count)
  h.committed.push(...h.made().slice(made))
}

for (const size of [0, 50, 100, 300])
  scenario(`a copytruncate that is seen when the copy has ${size} bytes`, async h => {
    h.write(3)
    await h.drain()
    const text = readFileSync(h.log)
    const fd = openSync(rotated(h), 'w')
    writeSync(fd, text.subarray(0, size))
    await h.drain()
    writeSync(fd, text.subarray(size))
    closeSync(fd)
    await h.drain()
    truncateSync(h.log)
    await h.drain()
    h.write(2)
  })

for (const [suffix, pack] of [
  ['.gz', gzipSync],
  ['.zst', zstdCompressSync],
] as const) {
  scenario(`a packed copy (${suffix}) that is seen while it is being written`, async h => {
    h.write(3)
    await h.drain()
    renameSync(h.log, rotated(h))
    h.write(1)
    await h.drain()
    await h.rest()
    const packed = pack(readFileSync(rotated(h)))
    const fd = openSync(rotated(h, `.1${suffix}`), 'w')
    for (const size of [0, 10, packed.length - 4]) {
      writeSync(fd, packed, 0, size, 0)
      await h.look()
    }
    // The rest of the file comes while a look goes on.
    const looking = h.look()
    writeSync(fd, packed, 0, packed.length, 0)
    closeSync(fd)
    await looking
    unlinkSync(rotated(h))
    await h.drain()
  })

  scenario(`a rotation and packing (${suffix}) while the daemon is down`, async h => {
    h.write(2)
    await h.drain()
    h.kill()
    h.write(2)
    writeFileSync(rotated(h, `.1${suffix}`), pack(readFileSync(h.log)))
    unlinkSync(h.log)
    h.write(2)
  })
}

scenario(
  'packed files of the past stay unread over a copytruncate and a restart',
  async h => {
    writePast(h, 2)
    writeFileSync(rotated(h, '.2.gz'), gzipSync(readFileSync(h.log)))
    truncateSync(h.log)
    writePast(h, 2)
    await h.drain()
    h.write(2)
    await h.drain()
    copyFileSync(h.log, rotated(h))
    truncateSync(h.log)
    await h.drain()
    h.kill()
    h.write(1)
  },
  { fromStart: false },
)

scenario(
  'packed files of the past stay unread when the log was deleted while the daemon was down',
  async h => {
    writePast(h, 2)
    writeFileSync(rotated(h, '.2.gz'), gzipSync(readFileSync(h.log)))
    unlinkSync(h.log)
    h.write(2)
    h.committed.push('n2', 'n3')
    await h.drain()
    h.write(2)
    await h.drain()
    h.kill()
    unlinkSync(h.log)
    h.write(2)
  },
  { fromStart: false },
)

for (const isDown of [false, true])
  scenario(`the log is replaced by a copy of itself${isDown ? ' while the daemon is down' : ''}`, async h => {
    h.write(3)
    await h.drain()
    if (isDown) h.kill()
    copyFileSync(h.log, join(h.folder, 'other'))
    renameSync(join(h.folder, 'other'), h.log)
    if (!isDown) await h.drain()
    h.write(2)
  })

scenario('file systems may have other device numbers after a reboot', async h => {
  h.write(3)
  await h.drain()
  h.kill()
  h.restore(h.state().map(state => ({ ...state, device: state.device + 1n })))
  h.write(2)
})

for (const isDown of [false, true])
  scenario(`a link to a log in another folder that is rotated twice there${isDown ? ' while the daemon is down' : ''}`, async h => {
    const folder = join(h.folder, 'there')
    mkdirSync(folder)
    const real = join(folder, 'real.log')
    writeFileSync(real, '')
    symlinkSync('there/real.log', h.log)
    h.write(2)
    await h.drain()
    if (isDown) h.kill()
    for (const suffix of ['.2', '.1']) {
      h.write(2)
      renameSync(real, real + suffix)
    }
    h.write(2)
  })

for (const name of ['audit-20261124.log', 'audit.log-20261124', 'audit.1.log', 'audit.log.old'])
  scenario(`a rotated log may be called ${name}`, async h => {
    h.write(2)
    await h.drain()
    h.kill()
    h.write(2)
    renameSync(h.log, join(h.folder, name))
    h.write(2)
  })

test('files beside the log that are no copies of it are left alone', async () => {
  const h = createHarness({ others: ['audit.log.json'] })
  h.write(2)
  await h.drain()
  h.kill()
  h.write(1, join(h.folder, 'audit.log.json'))
  h.write(1, join(h.folder, 'audit-error.log'))
  writeFileSync(join(h.folder, 'audit.log.1.xz'), Buffer.concat([Buffer.from('fd377a585a00', 'hex'), Buffer.alloc(5000, 7)]))
  mkdirSync(join(h.folder, 'audit.log.d'))
  await h.drain()
  await h.rest()
  assert.deepEqual([h.committed, h.skipped], [['n0', 'n1'], []])
  h.remove()
})
