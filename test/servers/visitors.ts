import { mulberry32 } from '../../src/core/model/random.ts'
import { type Sent, send } from './common.ts'

const WORDS = ['red', 'blue', 'shoes', 'coat', 'linen', 'winter', 'summer', 'wool', 'shirt', 'belt', 'sale', 'new']
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const BROWSERS: Record<string, string>[] = [
  {
    'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'Accept-Language': 'en-US,en;q=0.5',
  },
  {
    'User-Agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
    Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'Accept-Language': 'de-DE,de;q=0.9,en;q=0.7',
  },
]

/** What an ordinary visitor of a shop asks for; the same number is always the same request. */
export function visit(number: number): Omit<Sent, 'ip'> {
  const random = mulberry32(number + 1)
  const below = (limit: number) => Math.floor(random() * limit)
  const word = () => WORDS[below(WORDS.length)]!
  const headers = BROWSERS[below(BROWSERS.length)]!
  const pages: (() => Omit<Sent, 'ip'>)[] = [
    () => ({ path: '/', headers }),
    () => ({ path: `/catalog?page=${1 + below(40)}&sort=${['price', 'name', 'new'][below(3)]}`, headers }),
    () => ({ path: `/item/${1000 + below(3000)}`, headers }),
    () => ({ path: `/search?q=${word()}+${word()}`, headers }),
    () => ({
      path: '/cart',
      method: 'POST',
      headers: { ...headers, ...FORM },
      body: `item=${1000 + below(3000)}&quantity=${1 + below(5)}`,
    }),
  ]
  return pages[below(pages.length)]!()
}

/** The browser of a visitor, for requests that a test makes itself. */
export const BROWSER = BROWSERS[0]!

/** Sends the visits `from` to `to` of some visitors, six at a time; gives the statuses that were answered. */
export async function sendVisits(port: number, from: number, to: number): Promise<Set<number>> {
  const statuses = new Set<number>()
  let next = from
  const visitor = async () => {
    while (next < to) {
      const number = next++
      statuses.add(await send(port, { ip: `198.51.100.${number % 40}`, ...visit(number) }))
    }
  }
  await Promise.all(Array.from({ length: 6 }, visitor))
  return statuses
}
