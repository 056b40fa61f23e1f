import { findHooks, hasCrs, pluginPart } from './plugin.ts'
import type { Facts, Part } from './types.ts'

/** Plans the plugin for Apache, where the distribution turns ModSecurity on with its module; a problem where no rules are there at all. */
export function apachePart(facts: Facts): Part & { plugin: boolean } {
  if (hasCrs(facts)) {
    const plugin = pluginPart(facts, findHooks(facts))
    return { ...plugin, plugin: plugin.isOn }
  }
  const remedy = facts.layout.family === 'debian' ? 'apt-get install modsecurity-crs' : 'dnf install mod_security_crs'
  const ownRules = facts.directives.some(one => one.name === 'secrule' && !/\/(?:modsecurity|mod_security)\.conf$/.test(one.file))
  return ownRules
    ? {
        plugin: false,
        notes: [`the OWASP Core Rule Set is not loaded, so its plugin for scores while requests are served is left out; ${remedy}`],
      }
    : { plugin: false, problems: [`the OWASP Core Rule Set is not loaded, and without rules ModSecurity finds nothing; ${remedy}`] }
}
