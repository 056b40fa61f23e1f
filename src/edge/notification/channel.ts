import type { Payload } from '../../core/notification/payload.ts'
import type { Millis } from '../../core/types.ts'

/** What came of a delivery. `retryAfter`: the receiver asks for so much time. */
export type Outcome = { ok: true; detail: string } | { ok: false; problem: string; retryAfter?: Millis }

/** A way to deliver notifications. `send` never throws, takes bounded time, and ends at once with the signal. */
export type Channel = { name: string; send(payload: Payload, signal: AbortSignal): Promise<Outcome> }
