import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Chore, runHousekeeping } from '../src/housekeeping.ts'
import { until } from './until.ts'

function keep(chores: readonly Chore[]) {
  const stop = new AbortController()
  const clock = () => performance.now()
  const ended = runHousekeeping(chores, { signal: stop.signal, clock, nextAt: () => clock() + 5 })
  return { stop, ended }
}

test('a chore that takes long keeps no other waiting, and is not begun again meanwhile', async () => {
  const turns = { long: 0, short: 0 }
  let finish = () => {}
  const long = () => {
    turns.long++
    return new Promise<void>(resolve => {
      finish = resolve
    })
  }
  const { stop, ended } = keep([
    { every: 0, work: long },
    { every: 0, work: () => turns.short++ },
  ])
  await until('the short one had many turns', () => turns.short > 5)
  assert.equal(turns.long, 1)
  finish()
  await until('the long one begins again', () => turns.long === 2)
  stop.abort()
  finish()
  await ended
})

test('what fails ends it, a chore that is not waited for too', async () => {
  const { ended } = keep([{ every: 0, work: () => Promise.reject(new Error('disk')) }])
  await assert.rejects(ended, /disk/)
})

test('at the end it waits for what is under way', async () => {
  let isDone = false
  let finish = () => {}
  const work = () =>
    new Promise<void>(resolve => {
      finish = resolve
    }).then(() => {
      isDone = true
    })
  const { stop, ended } = keep([{ every: 0, work }])
  const begun = finish
  await until('it has begun', () => finish !== begun)
  stop.abort()
  setImmediate(() => finish())
  await ended
  assert.ok(isDone)
})
