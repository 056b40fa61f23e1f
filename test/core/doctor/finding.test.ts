import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { CHECKS } from '../../../src/core/doctor/checks.ts'
import { doctorMarkdown } from '../../../src/core/doctor/doctor-text.ts'
import { type Check, examine } from '../../../src/core/doctor/finding.ts'
import { findingsText } from '../../../src/core/doctor/findings-text.ts'
import { quoted } from '../../../src/core/doctor/shell.ts'
import { factsOf } from '../../doctor-facts.ts'

const row = (id: string, more: Partial<Check>): Check => ({
  id,
  finds: '',
  remedy: '',
  needs: [],
  judge: () => ({ severity: 'ok', what: 'well' }),
  ...more,
})

test('a check that breaks, or whose facts are missing, is one finding and hides no other', () => {
  const breaking = row('breaks', {
    judge: () => {
      throw new Error('no such field')
    },
  })
  const found = examine([breaking, row('lacks', { needs: ['database'] }), row('works', {})], factsOf({}))
  assert.deepEqual(found, [
    { check: 'breaks', severity: 'skipped', what: 'the check itself failed: no such field' },
    { check: 'lacks', severity: 'skipped', what: 'not looked at' },
    { check: 'works', severity: 'ok', what: 'well' },
  ])
})

test('what strangers wrote is escaped and bounded wherever it ends up', () => {
  const hostile = `\x1b]0;x\x07\n\u202e${'A'.repeat(5000)}`
  const verdict = { severity: 'bad', what: hostile, about: hostile, evidence: hostile, remedy: hostile } as const
  const found = examine([row('x', { judge: () => verdict })], factsOf({}))
  for (const text of [findingsText(found), JSON.stringify(found)]) {
    assert.match(text.replaceAll('\n', ''), /^[\x20-\x7e]+$/)
    assert.ok(text.length < 3000)
  }
  assert.equal(findingsText(found).trimEnd().split('\n').length, 6)
})

test('the text tells what is amiss first, with evidence and command, then a line a check, then the sum', () => {
  const say = (id: string, verdict: ReturnType<Check['judge']>) => row(id, { judge: () => verdict })
  const found = examine(
    [
      say('first', { severity: 'ok', what: 'fine' }),
      say('second', { severity: 'warn', about: '/log', what: 'odd', evidence: '7 of 8', remedy: 'look' }),
      say('third', { severity: 'bad', what: 'broken', remedy: 'mend' }),
      say('fourth', [
        { severity: 'skipped', about: 'a', what: 'nothing there' },
        { severity: 'skipped', about: 'b', what: 'nothing there' },
      ]),
    ],
    factsOf({}),
  )
  assert.equal(
    findingsText(found),
    [
      'BAD  third  broken',
      '            do:   mend',
      'WARN second /log: odd',
      '            seen: 7 of 8',
      '            do:   look',
      '',
      'ok   first  fine',
      'skip fourth a, b: nothing there',
      '',
      '1 bad, 1 warning; 1 fine, 2 skipped',
      '',
    ].join('\n'),
  )
})

test('a quoted word is one word to a shell, whatever it holds', () => {
  for (const word of ['/var/log/audit.log', "it's", '$(reboot)', 'a b', '`x`', '', '-n;\'"\\', '\n'])
    assert.equal(execFileSync('sh', ['-c', `printf %s ${quoted(word)}`], { encoding: 'utf8' }), word)
})

test('the table has one row a check, and docs/doctor.md is what it says (npm run docs writes it)', () => {
  const ids = CHECKS.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  assert.equal(readFileSync(new URL('../../../docs/doctor.md', import.meta.url), 'utf8'), doctorMarkdown())
})
