import type { Certificate, Facts, Part, Wish } from './types.ts'

const AVAILABLE = '/etc/apache2/mods-available'
const NGINX_MODULE = {
  link: '/etc/nginx/modules-enabled/50-mod-http-modsecurity.conf',
  target: '/usr/share/nginx/modules-available/mod-http-modsecurity.conf',
}

/** Plans that ModSecurity, and what the virtual host needs, is loaded into the server. */
export function modulesPart(facts: Facts, wish: Wish, certificate: Certificate | undefined): Part {
  if (facts.library?.hasJson === false)
    return {
      problems: [
        "this ModSecurity was built without JSON (yajl), so that clients could forge entries of its log; install the distribution's package, or see docs/setup.md for the native format",
      ],
    }
  if (facts.layout.server === 'nginx') return nginxModule(facts)
  const vhost = wish.domain === undefined ? [] : ['headers', ...(certificate === undefined ? [] : ['ssl'])]
  return facts.layout.family === 'debian' ? debianModules(facts, ['security2', ...vhost]) : redhatModules(facts, ['security2', ...vhost])
}

function debianModules(facts: Facts, wanted: readonly string[]): Part {
  const lacking = wanted.filter(name => !facts.exists(`${AVAILABLE}/${name}.load`))
  if (lacking.includes('security2')) return { problems: [`ModSecurity for Apache is not installed; ${facts.layout.install}`] }
  if (lacking.length > 0)
    return { problems: [`Apache's modules ${lacking.join(', ')} are not installed; apt-get install --reinstall apache2`] }
  const missing = withNeeded(facts, wanted).filter(name => !facts.modules.has(name))
  if (missing.length === 0) return {}
  return {
    steps: [
      {
        kind: 'run',
        run: ['a2enmod', '-q', ...missing],
        undo: ['a2dismod', '-q', '-f', ...missing.toReversed()],
        why: `Load Apache's ${missing.length === 1 ? 'module' : 'modules'} ${missing.join(', ')}`,
      },
    ],
  }
}

/** What a module needs comes before it, as a2enmod finds it out. */
function withNeeded(facts: Facts, names: readonly string[]): string[] {
  const all = new Set<string>()
  const add = (name: string): void => {
    if (all.has(name)) return
    const needed =
      /^# Depends: (.*)$/m
        .exec(facts.read(`${AVAILABLE}/${name}.load`) ?? '')?.[1]
        ?.trim()
        .split(/\s+/) ?? []
    for (const one of needed) add(one)
    all.add(name)
  }
  for (const name of names) add(name)
  return [...all]
}

function redhatModules(facts: Facts, wanted: readonly string[]): Part {
  const packages: Record<string, string> = { security2: 'dnf install mod_security mod_security_crs', ssl: 'dnf install mod_ssl' }
  const missing = wanted.filter(name => !facts.modules.has(name))
  return { problems: missing.map(name => `Apache does not load ${name}_module; ${packages[name] ?? 'see /etc/httpd/conf.modules.d'}`) }
}

function nginxModule(facts: Facts): Part {
  if (facts.modules.has('modsecurity')) return {}
  const { link, target } = NGINX_MODULE
  if (!facts.exists(target)) return { problems: [`nginx has no ModSecurity; ${facts.layout.install}`] }
  return { steps: [{ kind: 'link', path: link, target, why: "Load nginx's module for ModSecurity" }] }
}
