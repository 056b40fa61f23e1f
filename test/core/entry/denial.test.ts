import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seemsDenied } from '../../../src/core/entry/denial.ts'

type Case = [name: string, status: number | undefined, matches: [id: string, severity: string][], isDenied: boolean]
const cases: Case[] = [
  [
    'the CRS summed up',
    403,
    [
      ['942100', 'CRITICAL'],
      ['949110', 'CRITICAL'],
    ],
    true,
  ],
  [
    'the CRS summed up what the application would have answered',
    403,
    [
      ['951230', 'ERROR'],
      ['959100', ''],
    ],
    true,
  ],
  [
    'the CRS summed up, with a status of the admin',
    429,
    [
      ['942100', 'CRITICAL'],
      ['949110', 'CRITICAL'],
    ],
    true,
  ],
  ['a rule that sums up, but nobody was refused', 200, [['949110', 'CRITICAL']], false],
  [
    'the plugin denied',
    403,
    [
      ['9516210', 'NOTICE'],
      ['9516320', 'CRITICAL'],
    ],
    true,
  ],
  ['a body that ModSecurity itself refuses', 400, [['200002', 'CRITICAL']], true],
  ['a rule of the admin without a severity', 403, [['1001', '']], true],
  [
    'a rule of the admin, and one of the CRS below the threshold',
    403,
    [
      ['920300', 'NOTICE'],
      ['1001', ''],
    ],
    true,
  ],
  ['a CRS that denies at once', 403, [['942100', 'CRITICAL']], true],
  ["an application's own 403 behind a notice of the CRS", 403, [['920300', 'NOTICE']], false],
  ["an application's own 403 behind a warning of the CRS", 403, [['920350', 'WARNING']], false],
  [
    "an application's own 400 behind several matches that were not enough",
    400,
    [
      ['942100', 'CRITICAL'],
      ['920300', 'NOTICE'],
    ],
    false,
  ],
  ["an application's own 403 behind a notice of the admin", 403, [['1002', 'NOTICE']], false],
  ["an application's own 403 while the scorer is down", 403, [['9516300', 'WARNING']], false],
  [
    "an application's own 403 that the plugin only looked at",
    403,
    [
      ['9516210', 'NOTICE'],
      ['9516310', 'NOTICE'],
    ],
    false,
  ],
  ["an application's own 403 behind a medium score of the how-to", 403, [['100005', 'WARNING']], false],
  ["an application's own 404 behind a rule of the admin", 404, [['1001', '']], false],
  ['nothing matched', 403, [], false],
  ['no status', undefined, [['949110', 'CRITICAL']], false],
]
for (const [name, status, rules, isDenied] of cases) {
  test(`${name}: ${isDenied ? 'denied' : 'not denied'} by the WAF`, () => {
    const matches = rules.map(([id, severity]) => ({ id, severity, message: '', data: '' }))
    assert.equal(seemsDenied(status, matches), isDenied)
  })
}
