/** The subset of JSON Schema draft-07 that a plugin's configuration is described in. Objects must be closed. */
export interface ConfigSchema {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null';
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, ConfigSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | ConfigSchema;
  readonly propertyNames?: ConfigSchema;
  readonly items?: ConfigSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly anyOf?: readonly ConfigSchema[];
  readonly oneOf?: readonly ConfigSchema[];
  /** Marks a string as a secret: `plugins.json` must give it as `{"$env": …}` or `{"$file": …}`, and it is never printed. */
  readonly secret?: boolean;
  /**
   * Marks a string as the path of a file that must be there, relative to the configuration file. The text says what to do when it is not;
   * `<file>` in it stands for the path.
   */
  readonly existingFile?: string;
}

type Present<P, R> = { [K in keyof P]: K extends R ? K : P[K] extends { readonly default: unknown } ? K : never }[keyof P];

/** The TypeScript type of a value that a schema describes; a property that is required or has a default is present. */
export type Infer<S> = S extends { readonly const: infer C }
  ? C
  : S extends { readonly enum: readonly (infer E)[] }
    ? E
    : S extends { readonly anyOf: readonly (infer A)[] }
      ? Infer<A>
      : S extends { readonly oneOf: readonly (infer A)[] }
        ? Infer<A>
        : S extends { readonly type: 'string' }
          ? string
          : S extends { readonly type: 'number' | 'integer' }
            ? number
            : S extends { readonly type: 'boolean' }
              ? boolean
              : S extends { readonly type: 'null' }
                ? null
                : S extends { readonly type: 'array'; readonly items: infer I }
                  ? readonly Infer<I>[]
                  : S extends { readonly type: 'object' }
                    ? InferObject<S>
                    : unknown;

type InferObject<S> = S extends { readonly properties: infer P }
  ? { readonly [K in Present<P, RequiredOf<S>>]: Infer<P[K]> } & {
      readonly [K in Exclude<keyof P, Present<P, RequiredOf<S>>>]?: Infer<P[K]>;
    }
  : S extends { readonly additionalProperties: infer V extends object }
    ? Readonly<Record<string, Infer<V>>>
    : Readonly<Record<string, never>>;

type RequiredOf<S> = S extends { readonly required: readonly (infer R)[] } ? R : never;
