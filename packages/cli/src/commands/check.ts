import type { CheckOptions, FeatureCategory, HostCheck } from '@criu-ts/core';
import type { Check, Execute } from '../io.js';
import type { Values } from '../options/table.js';
import { featureTable, missingText } from '../render/features.js';
import { UsageError } from '../usage-error.js';

/** CRIU says 1 for all failures, also where only something special is missing. */
const FAILED = 1;

export function checkCommand(check: Check, names: readonly string[]): Execute {
  return async (values, io) => {
    const { feature } = values;
    if (feature === 'list') {
      io.stdout(`${names.join('\n')}\n`);
      return 0;
    }
    if (feature !== undefined && !names.includes(feature)) throw new UsageError(`unknown feature ${feature}; check --feature list tells all`);
    const result = await check(wanted(values));
    const good = feature === undefined ? result.good && result.complete : result.complete;
    if (values.json === true) io.stdout(`${JSON.stringify({ command: 'check', ok: good, ...result })}\n`);
    else if (feature !== undefined) oneFeature(feature, result, io);
    else report(result, io, values);
    return good ? 0 : FAILED;
  };
}

/** As CRIU: `--extra` and `--experimental` add a category, `--all` both. Names alone are looked at by `--all` and by name. */
function wanted(values: Values): CheckOptions {
  if (values.feature !== undefined) return { names: [values.feature] };
  const all = values.all === true;
  const categories: FeatureCategory[] = ['basic'];
  if (all || values.extra === true) categories.push('extra');
  if (all || values.experimental === true) categories.push('experimental');
  return { categories };
}

type Out = Parameters<Execute>[1];

function oneFeature(name: string, { complete, features }: HostCheck, io: Out): void {
  if (complete) io.stdout(`${name} is supported\n`);
  else io.stderr(missingText(features));
}

function report({ good, complete, features }: HostCheck, io: Out, values: Values): void {
  // A drop-in says what CRIU says.
  if (io.name !== 'criu' && (values.verbosity ?? 1) > 0) io.stdout(featureTable(features));
  io.stderr(missingText(features));
  if (good && complete) io.stdout('Looks good.\n');
  else if (good) io.stdout('Looks good but some features are missing: see above which processes need them.\n');
  else io.stdout('Does not look good.\n');
}
