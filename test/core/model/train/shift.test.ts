import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scoreRequest } from '../../../../src/core/model/model.ts'
import type { HttpRequest } from '../../../../src/core/types.ts'
import { visit } from '../../../servers/visitors.ts'
import { modelOf, requestTo, trainOn } from '../samples.ts'

/** What a visitor of a shop asks for: a few pages over and over, and thousands of items. */
function visited(number: number): HttpRequest {
  const { path, method = 'GET', headers = {}, body } = visit(number)
  const length = body === undefined ? [] : [['Content-Length', String(body.length)] as const]
  return requestTo(path, { method, headers: [['Host', 'shop.example'], ...length, ...Object.entries(headers)], body: body ?? '' })
}

for (const [count, seed] of [
  [300, 1],
  [1040, 1],
  [1040, 2],
  [3000, 1],
] as const)
  test(`the few pages of a site with many items look ordinary to its own model (${count} requests, seed ${seed})`, () => {
    const { model } = trainOn(
      Array.from({ length: count }, (_, number) => visited(number)),
      { seed },
    )
    const judge = modelOf(model)
    const scores = Array.from({ length: 500 }, (_, number) => scoreRequest(judge, visited(count + number)).score).sort((a, b) => b - a)
    // Meant are 1 % at 5, and 0.01 % at 8: not a page that all visitors see.
    assert.ok(scores[25]! < 5 && scores[0]! < 7, `${scores.slice(0, 30)}`)
  })
