/** The key of a hash: two whole numbers of 32 bits. */
export type Salt = readonly [number, number]

/** Makes a keyed hash: text (one character a byte) and a purpose (a small whole number, so that a host is never taken for a name) to a whole number of
 *  53 bits. HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein): without the salt nobody can make two texts collide or find what a
 *  number stands for but by trying. */
export function createHash53([k0, k1]: Salt): (text: string, purpose: number) => number {
  return (text, purpose) => {
    let v0 = k0 ^ purpose
    let v1 = k1 ^ 0xee
    let v2 = k0 ^ 0x6c796765
    let v3 = k1 ^ 0x74656462
    const round = () => {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    const length = text.length
    let at = 0
    for (; at + 4 <= length; at += 4) {
      const word = text.charCodeAt(at) | (text.charCodeAt(at + 1) << 8) | (text.charCodeAt(at + 2) << 16) | (text.charCodeAt(at + 3) << 24)
      v3 ^= word
      round()
      round()
      v0 ^= word
    }
    let last = length << 24
    for (let shift = 0; at < length; at++, shift += 8) last |= text.charCodeAt(at) << shift
    v3 ^= last
    round()
    round()
    v0 ^= last
    v2 ^= 0xee
    for (let count = 0; count < 4; count++) round()
    const low = (v1 ^ v3) >>> 0
    v1 ^= 0xdd
    for (let count = 0; count < 4; count++) round()
    return ((v1 ^ v3) >>> 11) * 4_294_967_296 + low
  }
}

/** Joins a hash and a small whole number to another hash of 53 bits. */
export function mixHash(hash: number, id: number): number {
  const low = ((hash % 4_294_967_296) + Math.imul(id, 0x9e3779b1)) >>> 0
  const high = (Math.floor(hash / 4_294_967_296) ^ Math.imul(id, 0x85ebca77) ^ (low >>> 7)) & 0x1f_ffff
  return high * 4_294_967_296 + low
}

/** Spreads hashes, and keys made of small numbers, over 32 bits: the low ones say where a table has them. */
export function slotOf(key: number): number {
  let mixed = Math.imul((key % 4_294_967_296) | 0, 0x9e3779b1) ^ Math.imul(Math.floor(key / 4_294_967_296), 0x85ebca77)
  mixed ^= mixed >>> 15
  mixed = Math.imul(mixed, 0x2c1b3c6d)
  return mixed ^ (mixed >>> 13)
}
