# Courses
course-none = There is no course { $course }: see `merlin courses`.
courses-none = No dataset has a course.yaml yet.
course-active = active
course-inactive = inactive
col-semester = semester
col-course = course
col-name = name
col-materials = materials
col-teachers = teachers
course-too-many-favourites = No more than { $limit } courses can be kept at hand: let some go that you do not need.
course-unknown = There is no such course.
material-unknown = There is no such material in this course.
