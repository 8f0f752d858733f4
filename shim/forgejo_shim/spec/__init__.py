"""What changed between two Swagger 2.0 documents, and whether a client minds.

document reads one, scope says which operations count, compare lists the changes without an opinion, rules judges them,
extract makes a small document of some operations. All of these are pure.
"""
