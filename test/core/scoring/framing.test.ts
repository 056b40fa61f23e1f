import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scoreRequest } from '../../../src/core/model/model.ts'
import { parseForm } from '../../../src/core/scoring/form.ts'
import { loadBaseModel } from '../../../src/edge/model-file.ts'
import { originalMessage } from '../../scoring-messages.ts'

const evasions: [string, string][] = [
  [
    'a second frame in the path',
    originalMessage({ path: '/x&args={}&files={}&hour=1&day=1?q=../../etc/passwd', args: [['q', '../../etc/passwd']] }),
  ],
  ['a NUL that cuts the arguments', originalMessage({ path: '/x', args: [['a', "1' or 1=1--\0"]] })],
]
for (const [name, message] of evasions) {
  test(`${name} never scores lower for its frame, and as an attack where the detector looks at it`, t => {
    const base = loadBaseModel()
    const parsed = parseForm(message)
    assert.ok(base.ok && parsed.ok && parsed.value.request.oddFraming)
    const { score } = scoreRequest(base.value, parsed.value.request)
    const unmarked = scoreRequest(base.value, { ...parsed.value.request, oddFraming: false }).score
    t.diagnostic(`${score}, without the mark ${unmarked}`)
    assert.ok(score >= unmarked)
    if (score !== unmarked) assert.ok(score > 5, String(score))
  })
}
