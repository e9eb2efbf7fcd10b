// Profiles as CouchDB documents.

/** A profile under its own id. */
export const toDocument = ({ id, ...rest }) => ({ _id: id, ...rest });

/** The profile in a document. */
export const toProfile = ({ _id: id, _rev, ...rest }) => ({ id, ...rest });
