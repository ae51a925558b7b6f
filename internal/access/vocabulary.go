package access

// Vocabulary is what questions the schema can answer: its types, by name.
type Vocabulary map[string]Definition

// Definition is a type of the schema.
type Definition struct {
	Permissions map[string]bool
	Relations   map[string]bool
}

// Type finds a type. Errors: Invalid (unknown_type).
func (v Vocabulary) Type(name string) (Definition, error) {
	d, ok := v[name]
	if !ok {
		return Definition{}, Fail(Invalid, "unknown_type", "the schema has no type %q", Clip(name))
	}
	return d, nil
}

// Name finds a permission or relation of a type, and says which it is.
// Errors: Invalid (unknown_type, unknown_permission).
func (v Vocabulary) Name(objectType, name string) (isRelation bool, err error) {
	d, err := v.Type(objectType)
	if err == nil && !d.Permissions[name] && !d.Relations[name] {
		err = Fail(Invalid, "unknown_permission", "%s has no permission %q", objectType, Clip(name))
	}
	return d.Relations[name], err
}
