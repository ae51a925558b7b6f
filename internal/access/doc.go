// Package access holds the nouns of Gatehouse: objects, subjects, relationships,
// the writes that change them, the people they concern, and the kinds of error an
// operation may end in. It imports only the standard library and the e-mail
// address type, so that every other package can speak its language.
//
// The interfaces are the ports through which operations reach the outside. Each
// is implemented by one adapter; adapters never import each other.
package access
