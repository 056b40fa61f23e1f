import type { HttpRequest, Ip, Millis } from '../types.ts'

/** One request out of a file of training data, or what stands in its place. */
export type TrainingItem =
  | {
      ok: true
      request: HttpRequest
      at?: Millis
      ip?: Ip
      /** 1 marks an attack, 0 a clean request; absent when nobody said. */
      label?: 0 | 1
      /** The kind of attack, and the place of the request in which its payload was put, as labelled data name them; client text, at most 64 characters. */
      attack?: string
      graft?: string
      /** The WAF or a detector objected to it when it came: no example of what is ordinary. */
      isSuspect: boolean
      /** The server had nothing at that address: it says nothing of how the site is. */
      isNotFound?: true
      /** A person said that it is clean, whatever it looks like. */
      isVouchedFor?: true
    }
  /** `where` is a line (`line 12`) or an offset in bytes (`byte 4711`) of the unpacked file. */
  | { ok: false; problem: string; file: string; where: string }

/** Gives fields only where there is a value, for types whose optional fields are never undefined. */
export function present<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>
}
