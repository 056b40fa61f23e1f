import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRun } from '../../src/edge/run-command.ts'

test('a program whose own child holds its output is waited for no longer than its time and a second', async () => {
  const started = performance.now()
  await assert.rejects(createRun({ timeout: 200 })('sh', ['-c', 'sleep 8; true']), /^Error: sh took longer than 200 ms and was ended$/)
  assert.ok(performance.now() - started < 7000)
})

test('a program that ends in time is not bothered', async () => {
  assert.equal(await createRun({ timeout: 20_000 })('sh', ['-c', 'cat; echo well'], 'all is '), 'all is well\n')
})
