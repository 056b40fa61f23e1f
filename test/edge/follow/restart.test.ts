import assert from 'node:assert/strict'
import { copyFileSync, renameSync, truncateSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createHarness, gzip, rotated, scenario } from './harness.ts'

scenario(
  'a log that came while the daemon was down',
  async h => {
    await h.drain()
    h.kill()
    h.write(2)
    renameSync(h.log, rotated(h))
    h.write(2)
  },
  { fromStart: false },
)

scenario('rotations while the daemon is down', async h => {
  h.write(2)
  await h.drain()
  h.kill()
  for (let generation = 3; generation > 0; generation--) {
    h.write(2)
    renameSync(h.log, rotated(h, `.${generation}`))
  }
  h.write(2)
})

scenario('a rotation and compression while the daemon is down', async h => {
  h.write(2)
  await h.drain()
  h.kill()
  h.write(2)
  renameSync(h.log, rotated(h))
  gzip(rotated(h))
  h.write(2)
  renameSync(h.log, rotated(h))
  h.write(2)
})

scenario('copytruncate while the daemon is down', async h => {
  h.write(2)
  await h.drain()
  h.kill()
  h.write(2)
  copyFileSync(h.log, rotated(h))
  truncateSync(h.log)
  h.write(9)
})

scenario('copytruncate and compression while the daemon is down', async h => {
  h.write(2)
  await h.drain()
  h.kill()
  h.write(2)
  copyFileSync(h.log, rotated(h))
  truncateSync(h.log)
  gzip(rotated(h))
  h.write(1)
})

scenario('a kill before the commit repeats nothing', async h => {
  h.write(5)
  await h.drain()
  h.write(5)
  await h.lookInVain()
  renameSync(h.log, rotated(h))
  h.write(5)
  await h.lookInVain()
})

scenario('an old file that is still written to survives a restart', async h => {
  h.write(1)
  await h.drain()
  renameSync(h.log, rotated(h))
  h.write(1)
  await h.drain()
  h.kill()
  h.write(2, rotated(h))
  h.write(2)
})

scenario('a folder that is not mounted yet at the start', async h => {
  h.write(3)
  await h.drain()
  h.kill()
  h.write(2)
  renameSync(h.folder, `${h.folder}.elsewhere`)
  await h.drain()
  renameSync(`${h.folder}.elsewhere`, h.folder)
  h.write(2)
})

scenario('a clock that was set back', async h => {
  h.write(2)
  await h.drain()
  h.kill()
  h.write(2)
  renameSync(h.log, rotated(h, '.2'))
  h.write(2)
  renameSync(h.log, rotated(h))
  utimesSync(rotated(h), 1000, 1000)
  h.write(1)
})

test('a packed file that cannot be unpacked is told as lost', async () => {
  const h = createHarness()
  const folder = process.env.TMPDIR
  try {
    h.write(2)
    await h.drain()
    h.kill()
    renameSync(h.log, rotated(h, '.2'))
    h.write(2)
    renameSync(h.log, rotated(h))
    gzip(rotated(h))
    h.write(2)
    process.env.TMPDIR = join(h.folder, 'nowhere')
    await h.drain()
    const lost = h.notices.filter(({ event }) => event === 'log.lost')
    assert.deepEqual(h.committed, ['n0', 'n1', 'n4', 'n5'])
    assert.match(
      lost.map(({ fields }) => fields.problem).join(),
      /^a rotated file [^,]*cannot be unpacked: it is damaged, or there is no room/,
    )
  } finally {
    if (folder === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = folder
    h.remove()
  }
})
