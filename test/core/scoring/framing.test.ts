import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scoreRequest } from '../../../src/core/model/model.ts'
import { parseForm } from '../../../src/core/scoring/form.ts'
import { loadBaseModel } from '../../../src/edge/model-file.ts'
import { originalMessage } from '../../scoring-messages.ts'

// `above`: what it scores at least where the detector looks at the frame. What is cut off and not hidden need not look like an attack.
const evasions = [
  {
    name: 'a second frame in the path',
    message: originalMessage({ path: '/x&args={}&files={}&hour=1&day=1?q=../../etc/passwd', args: [['q', '../../etc/passwd']] }),
    above: 5,
  },
  { name: 'a NUL that cuts the arguments', message: originalMessage({ path: '/x', args: [['a', "1' or 1=1--\0"]] }), above: 0 },
]
for (const { name, message, above } of evasions) {
  test(`${name} never scores lower for its frame, and higher where the detector looks at it`, t => {
    const base = loadBaseModel()
    const parsed = parseForm(message)
    assert.ok(base.ok && parsed.ok && parsed.value.request.oddFraming)
    const { score } = scoreRequest(base.value, parsed.value.request)
    const unmarked = scoreRequest(base.value, { ...parsed.value.request, oddFraming: false }).score
    t.diagnostic(`${score}, without the mark ${unmarked}`)
    assert.ok(score >= unmarked)
    if (score !== unmarked) assert.ok(score > above, String(score))
  })
}
