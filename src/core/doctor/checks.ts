import { ENTRY_CHECKS } from './checks-entries.ts'
import { FIREWALL_CHECKS } from './checks-firewall.ts'
import { LOG_CHECKS } from './checks-log.ts'
import { ROTATION_CHECKS } from './checks-rotation.ts'
import { SERVICE_CHECKS } from './checks-service.ts'
import { STATE_CHECKS } from './checks-state.ts'
import { WAF_CHECKS } from './checks-waf.ts'
import type { Check } from './finding.ts'

/** Every check of `modwarden doctor` is one row here; docs/doctor.md is made from it. */
export const CHECKS: readonly Check[] = [
  ...SERVICE_CHECKS,
  ...WAF_CHECKS,
  ...LOG_CHECKS,
  ...ENTRY_CHECKS,
  ...ROTATION_CHECKS,
  ...FIREWALL_CHECKS,
  ...STATE_CHECKS,
]
