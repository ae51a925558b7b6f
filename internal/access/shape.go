package access

// Shape is how the schema makes its permissions: by type, what stands behind each
// name of a permission or relation.
type Shape map[string]map[string]Rule

// Rule is one line of the schema.
type Rule struct {
	Formula  *Formula // of a permission; a relation has none
	Subjects []string // the types a relation accepts, each once
	Flag     bool     // the relation accepts everyone of a type
}

// Combination is how the parts of a formula make a whole.
type Combination string

// The combinations. Of an exclusion, the first part counts unless another does.
const (
	Union        Combination = "union"
	Intersection Combination = "intersection"
	Exclusion    Combination = "exclusion"
)

// Formula is how a permission is made. It is one of: a combination of others; a
// Name of the same object; a Name of each object that the relation Tie leads to;
// the subject itself.
type Formula struct {
	Combines Combination
	Of       []Formula
	Name     string
	Tie      string
	Self     bool
}
