/** What a value has that the schema does not allow; as much of JSON Schema as INSPECT_SCHEMA uses. */
export function violations(value: unknown, schema: Record<string, unknown>, place = '$'): string[] {
  if ('const' in schema) return value === schema.const ? [] : [`${place} is not ${String(schema.const)}`];
  if ('enum' in schema) return (schema.enum as unknown[]).includes(value) ? [] : [`${place} is ${String(value)}`];
  const type = Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;
  if (schema.type !== type && !(schema.type === 'number' && type === 'integer')) return [`${place} is of type ${type}, not ${String(schema.type)}`];
  if (type === 'array') return (value as unknown[]).flatMap((item, i) => violations(item, schema.items as Record<string, unknown>, `${place}[${i}]`));
  if (type === 'integer') return (value as number) < ((schema.minimum as number | undefined) ?? -Infinity) ? [`${place} is ${String(value)}`] : [];
  if (type === 'string') return schema.pattern === undefined || new RegExp(schema.pattern as string).test(value as string) ? [] : [`${place} is '${String(value)}'`];
  if (type !== 'object') return [];
  const properties = (schema.properties ?? {}) as Record<string, Record<string, unknown>>;
  const missing = ((schema.required ?? []) as string[]).filter((key) => !(key in (value as object))).map((key) => `${place} lacks ${key}`);
  return [
    ...missing,
    ...Object.entries(value as object).flatMap(([key, inner]) => {
      const known = Object.hasOwn(properties, key) ? properties[key] : schema.additionalProperties === false ? undefined : (schema.additionalProperties as Record<string, unknown>);
      return known ? violations(inner, known, `${place}.${key}`) : [`${place}.${key} is not in the schema`];
    }),
  ];
}
